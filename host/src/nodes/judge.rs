//! Decides which nodes are dead, from what their heartbeats look like here.
//!
//! Invariant: only this node's own monotonic clock counts, so that clocks that differ kill nobody; and a node whose own
//! heartbeats were late, for example because the database or the whole machine stood still, judges nobody for a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::ids::NodeId;

/// A node without a new beat for so long is dead: it has missed two.
const DEAD_AFTER: Duration = Duration::from_millis(1_400);

/// A longer gap between two own beats means that something stood still here.
const GAP_MAX: Duration = Duration::from_secs(1);

/// How long nobody is judged after such a gap, or after the start.
const PAUSE: Duration = Duration::from_secs(3);

pub struct Judge {
    /// The last beat of each node, and when it was new here.
    seen: HashMap<NodeId, (i64, Instant)>,
    last: Option<Instant>,
    regular_since: Option<Instant>,
}

impl Judge {
    pub fn new() -> Judge {
        Judge { seen: HashMap::new(), last: None, regular_since: None }
    }

    /// Takes the beats of the other nodes, as read after an own beat. Returns those that are dead, with their last
    /// beat.
    pub fn observe(&mut self, now: Instant, beats: &[(NodeId, i64)]) -> Vec<(NodeId, i64)> {
        if self.last.is_none_or(|last| now.duration_since(last) > GAP_MAX) {
            self.regular_since = Some(now);
        }
        self.last = Some(now);
        self.seen.retain(|id, _| beats.iter().any(|(known, _)| known == id));
        for (id, beat) in beats {
            let seen = self.seen.entry(*id).or_insert((*beat, now));
            if seen.0 != *beat {
                *seen = (*beat, now);
            }
        }
        if self.regular_since.is_none_or(|since| now.duration_since(since) < PAUSE) {
            return Vec::new();
        }
        let is_dead = |(_, since): &(i64, Instant)| now.duration_since(*since) >= DEAD_AFTER;
        let dead = self.seen.iter().filter(|(_, seen)| is_dead(seen));
        dead.map(|(id, (beat, _))| (*id, *beat)).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const BEAT: Duration = Duration::from_millis(500);

    fn node(number: u128) -> NodeId {
        NodeId(Uuid::from_u128(number))
    }

    /// Regular rounds; returns the time after them.
    fn rounds(
        judge: &mut Judge,
        from: Instant,
        count: u32,
        beats: impl Fn(i64) -> Vec<(NodeId, i64)>,
    ) -> Instant {
        for round in 0..count {
            let dead = judge.observe(from + BEAT * round, &beats(round.into()));
            assert!(dead.is_empty(), "round {round}: {dead:?}");
        }
        from + BEAT * count
    }

    #[test]
    fn a_node_without_a_beat_is_dead_and_one_with_beats_is_not() {
        let mut judge = Judge::new();
        let now = rounds(&mut judge, Instant::now(), 10, |round| {
            vec![(node(1), round), (node(2), 7 * round)]
        });
        let last = [(node(1), 9), (node(2), 70)];
        assert_eq!(judge.observe(now, &last), []);
        assert_eq!(judge.observe(now + BEAT, &last), []);
        assert_eq!(judge.observe(now + BEAT * 2, &[(node(1), 9), (node(2), 77)]), [(node(1), 9)]);
    }

    #[test]
    fn a_node_that_was_dead_before_this_one_began_is_judged_after_the_pause() {
        let mut judge = Judge::new();
        let now = rounds(&mut judge, Instant::now(), 6, |_| vec![(node(1), 4)]);
        assert_eq!(judge.observe(now, &[(node(1), 4)]), [(node(1), 4)]);
    }

    #[test]
    fn whoever_stood_still_judges_nobody() {
        let mut judge = Judge::new();
        let now = rounds(&mut judge, Instant::now(), 10, |round| vec![(node(1), round)]);
        let later = now + Duration::from_secs(30);
        assert_eq!(judge.observe(later, &[(node(1), 9)]), []);
        let now = rounds(&mut judge, later + BEAT, 5, |round| vec![(node(1), 10 + round)]);
        assert_eq!(judge.observe(now, &[(node(1), 15)]), [], "the other one lives");
    }

    #[test]
    fn whoever_left_is_forgotten() {
        let mut judge = Judge::new();
        let now = rounds(&mut judge, Instant::now(), 10, |round| vec![(node(1), round)]);
        assert_eq!(judge.observe(now, &[]), []);
        assert_eq!(judge.observe(now + BEAT, &[(node(1), 9)]), [], "seen anew");
    }
}
