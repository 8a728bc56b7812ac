//! The fair queue for guest threads. Organizations are served in round-robin order.
//!
//! Invariant: a full queue of one organization delays another by at most one call; running and queued calls are
//! capped per installation, organization and server.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::error::Busy;

/// The installation and the organization that a job counts for.
#[derive(Clone, Debug)]
pub struct Share {
    pub organization: Uuid,
    pub installations: Vec<Uuid>,
}

/// Limits on running and queued jobs. All at least 1.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    pub running_per_organization: usize,
    pub running_per_installation: usize,
    pub waiting: usize,
    pub waiting_per_organization: usize,
    pub waiting_per_installation: usize,
}

/// The queued jobs and the number of running ones.
pub(super) struct Queue<J> {
    caps: Caps,
    organizations: HashMap<Uuid, Organization<J>>,
    installations: HashMap<Uuid, Load>,
    /// The organizations with queued jobs, the next one first.
    turns: VecDeque<Uuid>,
    waiting: usize,
    running: usize,
}

struct Organization<J> {
    waiting: VecDeque<(Share, J)>,
    running: usize,
}

#[derive(Clone, Copy, Default)]
struct Load {
    running: usize,
    waiting: usize,
}

impl<J> Queue<J> {
    pub(super) fn new(caps: Caps) -> Self {
        Queue {
            caps,
            organizations: HashMap::new(),
            installations: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            running: 0,
        }
    }

    /// The number of running and of queued jobs.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.running, self.waiting)
    }

    /// Queues a job, or returns `Busy` if too many are queued.
    pub(super) fn push(&mut self, share: Share, job: J) -> Result<(), Busy> {
        self.check_room(&share)?;
        for id in &share.installations {
            self.installations.entry(*id).or_default().waiting += 1;
        }
        let organization = self
            .organizations
            .entry(share.organization)
            .or_insert_with(|| Organization { waiting: VecDeque::new(), running: 0 });
        if organization.waiting.is_empty() {
            self.turns.push_back(share.organization);
        }
        organization.waiting.push_back((share, job));
        self.waiting += 1;
        Ok(())
    }

    fn check_room(&self, share: &Share) -> Result<(), Busy> {
        let caps = &self.caps;
        if self.waiting >= caps.waiting {
            return Err(Busy { whose: "server", waiting_max: caps.waiting });
        }
        let organization = self.organizations.get(&share.organization);
        if organization.is_some_and(|found| found.waiting.len() >= caps.waiting_per_organization) {
            return Err(Busy { whose: "organization", waiting_max: caps.waiting_per_organization });
        }
        let full = |id| {
            self.installations
                .get(id)
                .is_some_and(|load| load.waiting >= caps.waiting_per_installation)
        };
        match share.installations.iter().any(full) {
            true => Err(Busy { whose: "installation", waiting_max: caps.waiting_per_installation }),
            false => Ok(()),
        }
    }

    /// Removes the next job that may run; call [`Queue::done`] when it has ended.
    pub(super) fn pop(&mut self) -> Option<(Share, J)> {
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let organization = self.organizations.get_mut(&id)?;
            let next = match organization.running < self.caps.running_per_organization {
                true => take_runnable(&mut organization.waiting, &self.installations, self.caps),
                false => None,
            };
            if !organization.waiting.is_empty() {
                self.turns.push_back(id);
            }
            let Some((share, job)) = next else { continue };
            organization.running += 1;
            for id in &share.installations {
                let load = self.installations.entry(*id).or_default();
                load.waiting = load.waiting.saturating_sub(1);
                load.running += 1;
            }
            self.waiting -= 1;
            self.running += 1;
            return Some((share, job));
        }
        None
    }

    /// Releases the slot of a job that was popped.
    pub(super) fn done(&mut self, share: &Share) {
        self.running = self.running.saturating_sub(1);
        if let Some(organization) = self.organizations.get_mut(&share.organization) {
            organization.running = organization.running.saturating_sub(1);
            if organization.running == 0 && organization.waiting.is_empty() {
                self.organizations.remove(&share.organization);
            }
        }
        for id in &share.installations {
            if let Some(load) = self.installations.get_mut(id) {
                load.running = load.running.saturating_sub(1);
                if load.running == 0 && load.waiting == 0 {
                    self.installations.remove(id);
                }
            }
        }
    }
}

/// The first job whose installation is below its cap.
fn take_runnable<J>(
    waiting: &mut VecDeque<(Share, J)>,
    installations: &HashMap<Uuid, Load>,
    caps: Caps,
) -> Option<(Share, J)> {
    let at_cap = |id| {
        installations
            .get(id)
            .is_some_and(|load: &Load| load.running >= caps.running_per_installation)
    };
    let index = waiting.iter().position(|(share, _)| !share.installations.iter().any(at_cap))?;
    waiting.remove(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn share(organization: Uuid, installation: u128) -> Share {
        Share { organization, installations: vec![Uuid::from_u128(installation)] }
    }

    fn queue(caps: Caps) -> Queue<&'static str> {
        Queue::new(caps)
    }

    const WIDE: Caps = Caps {
        running_per_organization: 9,
        running_per_installation: 9,
        waiting: 9,
        waiting_per_organization: 9,
        waiting_per_installation: 9,
    };

    fn names(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop().map(|(_, job)| job)).collect()
    }

    #[test]
    fn organizations_take_turns() -> Result<(), Busy> {
        let mut queue = queue(WIDE);
        for job in ["a1", "a2", "a3"] {
            queue.push(share(A, 10), job)?;
        }
        queue.push(share(B, 20), "b1")?;
        assert_eq!(names(&mut queue), ["a1", "b1", "a2", "a3"]);
        assert_eq!(queue.load(), (4, 0));
        Ok(())
    }

    #[test]
    fn what_is_at_its_cap_lets_others_pass() -> Result<(), Busy> {
        let mut queue =
            queue(Caps { running_per_organization: 2, running_per_installation: 1, ..WIDE });
        queue.push(share(A, 10), "a1")?;
        queue.push(share(A, 10), "same installation")?;
        queue.push(share(A, 11), "another installation")?;
        queue.push(share(A, 12), "third of the organization")?;
        queue.push(share(B, 20), "b1")?;
        assert_eq!(names(&mut queue), ["a1", "b1", "another installation"]);
        queue.done(&share(A, 10));
        assert_eq!(names(&mut queue), ["same installation"]);
        queue.done(&share(A, 10));
        assert_eq!(names(&mut queue), ["third of the organization"]);
        Ok(())
    }

    #[test]
    fn busy_names_the_full_queue() -> Result<(), Busy> {
        let caps =
            Caps { waiting: 4, waiting_per_organization: 3, waiting_per_installation: 2, ..WIDE };
        let mut queue = queue(caps);
        let mut whose = |share: Share| queue.push(share, "job").err().map(|busy| busy.whose);
        assert_eq!(whose(share(A, 10)), None);
        assert_eq!(whose(share(A, 10)), None);
        assert_eq!(whose(share(A, 10)), Some("installation"));
        assert_eq!(whose(share(A, 11)), None);
        assert_eq!(whose(share(A, 12)), Some("organization"));
        assert_eq!(whose(share(B, 20)), None);
        assert_eq!(whose(share(B, 20)), Some("server"));
        Ok(())
    }

    #[test]
    fn nothing_is_left_behind() -> Result<(), Busy> {
        let mut queue = queue(WIDE);
        queue.push(share(A, 10), "a1")?;
        let (done, _) = queue.pop().ok_or(Busy { whose: "test", waiting_max: 0 })?;
        queue.done(&done);
        assert!(queue.organizations.is_empty() && queue.installations.is_empty());
        assert_eq!(queue.load(), (0, 0));
        Ok(())
    }
}
