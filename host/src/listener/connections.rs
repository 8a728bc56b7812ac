//! The open connections: how many there are in all and from each address, and which of them wait for their client.
//!
//! Invariant: there is never more than `max` of them. When there are as many, the one that has been waiting for its
//! client longest makes room, so that connections that stall keep nobody out; one whose request the server is working
//! on is never closed for another.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use super::closed::{Closed, ClosedLog};
use crate::rate_limits::address::Network;

pub struct Connections {
    max: usize,
    /// 0 is no limit.
    per_address: usize,
    state: Mutex<State>,
    closed: ClosedLog,
}

/// One open connection; dropping it makes room for another.
pub struct Place {
    connections: Arc<Connections>,
    id: u64,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Open>,
    waiting: BTreeMap<Rank, u64>,
    addresses: HashMap<Network, usize>,
    /// For ids and ranks; it only grows.
    next: u64,
}

struct Open {
    /// `None` for a trusted proxy.
    address: Option<Network>,
    /// Its key in `waiting`.
    rank: Option<Rank>,
    had_request: bool,
    task: Option<AbortHandle>,
}

/// The order in which waiting connections make room: first those that never sent a whole head, and then by when their
/// wait began.
type Rank = (bool, u64);

impl Connections {
    pub fn new(max: usize, per_address: usize, closed: ClosedLog) -> Connections {
        Connections { max, per_address, state: Mutex::default(), closed }
    }

    /// Takes a place for a new connection, which begins by waiting for its client. `is_trusted` exempts its address
    /// from the limit of one address.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, is_trusted: bool) -> Result<Place, Closed> {
        let mut state = self.lock();
        let address = (!is_trusted && self.per_address > 0).then(|| Network::of(peer));
        if let Some(address) = &address
            && state.addresses.get(address).is_some_and(|count| *count >= self.per_address)
        {
            return Err(Closed::AddressFull);
        }
        let evicted = if state.open.len() >= self.max {
            Some(self.remove_longest_waiting(&mut state).ok_or(Closed::ServerFull)?)
        } else {
            None
        };
        if let Some(address) = address {
            *state.addresses.entry(address).or_default() += 1;
        }
        let id = state.next();
        state.open.insert(id, Open { address, rank: None, had_request: false, task: None });
        state.wait(id);
        self.closed.metrics.connection_opened();
        drop(state);
        self.close(evicted);
        Ok(Place { connections: self.clone(), id })
    }

    /// Closes the connection that has been waiting longest, if one waits.
    pub fn evict(&self) {
        let evicted = self.remove_longest_waiting(&mut self.lock());
        self.close(evicted);
    }

    pub fn note_closed(&self, reason: Closed) {
        self.closed.note(reason);
    }

    pub fn note_accept_error(&self, error: &std::io::Error) {
        self.closed.note_accept_error(error);
    }

    fn remove_longest_waiting(&self, state: &mut State) -> Option<Open> {
        let (_, id) = state.waiting.pop_first()?;
        self.remove(state, id)
    }

    /// Not under the lock: what the task holds may be dropped here, its place included.
    fn close(&self, evicted: Option<Open>) {
        let Some(open) = evicted else { return };
        if let Some(task) = open.task {
            task.abort();
        }
        self.note_closed(Closed::Evicted);
    }

    fn remove(&self, state: &mut State, id: u64) -> Option<Open> {
        let open = state.open.remove(&id)?;
        if let Some(rank) = &open.rank {
            state.waiting.remove(rank);
        }
        if let Some(address) = open.address
            && let Entry::Occupied(mut count) = state.addresses.entry(address)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.closed.metrics.connection_ended();
        Some(open)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn wait(&mut self, id: u64) {
        let number = self.next();
        let Some(open) = self.open.get_mut(&id).filter(|open| open.rank.is_none()) else { return };
        let rank = (open.had_request, number);
        open.rank = Some(rank);
        self.waiting.insert(rank, id);
    }
}

impl Place {
    /// The task to abort when another connection needs the place.
    pub fn set_task(&self, task: AbortHandle) {
        if let Some(open) = self.connections.lock().open.get_mut(&self.id) {
            open.task = Some(task);
        }
    }

    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// A whole head came: the server works on it.
    pub fn begin_request(&self) {
        if let Some(open) = self.connections.lock().open.get_mut(&self.id) {
            open.had_request = true;
        }
        self.resume();
    }

    /// Nothing goes on until the client sends or reads something.
    pub fn wait_for_client(&self) {
        self.connections.lock().wait(self.id);
    }

    /// The client sent or read something.
    pub fn resume(&self) {
        let mut state = self.connections.lock();
        if let Some(rank) = state.open.get_mut(&self.id).and_then(|open| open.rank.take()) {
            state.waiting.remove(&rank);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        self.connections.remove(&mut state, self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn connections(max: usize, per_address: usize) -> Arc<Connections> {
        Arc::new(Connections::new(max, per_address, ClosedLog::new(Arc::default())))
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn is_open(connections: &Connections, place: &Place) -> bool {
        connections.lock().open.contains_key(&place.id)
    }

    #[test]
    fn an_address_has_its_number_of_connections() {
        let connections = connections(10, 2);
        let first = connections.admit(address(1), false).ok();
        let _second = connections.admit(address(1), false).ok().expect("a place");
        assert_eq!(connections.admit(address(1), false).err(), Some(Closed::AddressFull));
        let _other = connections.admit(address(2), false).ok().expect("a place");
        let _proxy = connections.admit(address(1), true).ok().expect("a place");
        drop(first);
        assert!(connections.admit(address(1), false).is_ok());
        assert_eq!(
            connections.lock().addresses.len(),
            2,
            "addresses without connections are forgotten"
        );
    }

    #[test]
    fn the_one_that_waits_longest_makes_room() {
        let connections = connections(3, 0);
        let admit = |last| connections.admit(address(last), false).ok().expect("a place");
        let idle = admit(1);
        idle.begin_request();
        idle.wait_for_client();
        let (half, working) = (admit(2), admit(3));
        working.begin_request();
        let new = admit(4);
        assert!(is_open(&connections, &idle) && !is_open(&connections, &half), "never sent a head");
        new.begin_request();
        new.wait_for_client();
        let last = admit(5);
        assert!(!is_open(&connections, &idle) && is_open(&connections, &new), "waits longer");
        last.begin_request();
        new.resume();
        assert_eq!(connections.admit(address(6), false).err(), Some(Closed::ServerFull));
        assert_eq!(connections.lock().open.len(), 3);
        drop((idle, half, working, new, last));
        let state = connections.lock();
        assert!(state.open.is_empty() && state.waiting.is_empty() && state.addresses.is_empty());
    }
}
