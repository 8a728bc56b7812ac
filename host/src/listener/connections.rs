//! The open connections: how many in all and per address, and which of them wait for their client.
//!
//! Invariant: there are never more than `max`. At the limit, the address with the most connections, of those with a
//! waiting one, loses its longest waiting connection: stalled connections lock no client out, and an address with few
//! connections keeps them. A connection with a request in progress is never evicted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use super::closed::{Closed, ClosedLog};
use crate::rate_limits::address::Network;

pub struct Connections {
    max: usize,
    /// 0 means unlimited.
    per_address: usize,
    state: Mutex<State>,
    closed: ClosedLog,
}

/// One open connection; dropping it frees its place.
pub struct Place {
    connections: Arc<Connections>,
    id: u64,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Open>,
    /// Evicted connections whose task has not ended yet.
    closing: usize,
    addresses: HashMap<Network, Address>,
    /// Addresses with waiting connections; the last one is evicted next.
    order: BTreeSet<Rank>,
    /// The next id or turn; it only grows.
    next: u64,
}

struct Open {
    address: Network,
    /// When its wait began; `None` while it does not wait.
    turn: Option<u64>,
    task: Option<AbortHandle>,
}

#[derive(Default)]
struct Address {
    open: usize,
    /// The ids of the waiting connections, by their turn.
    waiting: BTreeMap<u64, u64>,
}

/// The number of connections of an address, then the longest wait.
type Rank = (usize, Reverse<u64>, Network);

impl Connections {
    pub fn new(max: usize, per_address: usize, closed: ClosedLog) -> Connections {
        Connections { max, per_address, state: Mutex::default(), closed }
    }

    /// Acquires a place for a new connection, which begins by waiting for its client. `is_trusted` exempts its
    /// address from the limit per address.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, is_trusted: bool) -> Result<Place, Closed> {
        let address = Network::of(peer);
        let mut state = self.lock();
        let count = state.addresses.get(&address).map_or(0, |address| address.open);
        if !is_trusted && self.per_address > 0 && count >= self.per_address {
            return Err(Closed::AddressFull);
        }
        let evicted = if state.open.len() >= self.max {
            Some(self.remove_longest_waiting(&mut state).ok_or(Closed::ServerFull)?)
        } else {
            None
        };
        let id = state.next();
        state.open.insert(id, Open { address, turn: None, task: None });
        state.addresses.entry(address).or_default();
        state.change(address, |address| address.open += 1);
        state.wait(id);
        self.closed.metrics.connection_opened();
        drop(state);
        self.close(evicted);
        Ok(Place { connections: self.clone(), id })
    }

    /// Evicts one of the waiting connections, if any.
    pub fn evict(&self) {
        let evicted = self.remove_longest_waiting(&mut self.lock());
        self.close(evicted);
    }

    /// The number of evicted connections that are not closed yet.
    pub fn closing(&self) -> usize {
        self.lock().closing
    }

    pub fn note_closed(&self, reason: Closed) {
        self.closed.note(reason);
    }

    pub fn note_accept_error(&self, error: &std::io::Error) {
        self.closed.note_accept_error(error);
    }

    fn remove_longest_waiting(&self, state: &mut State) -> Option<Open> {
        let (_, _, address) = state.order.last()?;
        let (_, id) = state.addresses.get(address)?.waiting.first_key_value()?;
        let evicted = self.remove(state, *id)?;
        state.closing += 1;
        Some(evicted)
    }

    /// Call it without the lock: aborting may drop the task's place here.
    fn close(&self, evicted: Option<Open>) {
        let Some(open) = evicted else { return };
        if let Some(task) = open.task {
            task.abort();
        }
        self.note_closed(Closed::Evicted);
    }

    fn remove(&self, state: &mut State, id: u64) -> Option<Open> {
        state.resume(id);
        let open = state.open.remove(&id)?;
        state.change(open.address, |address| address.open -= 1);
        if state.addresses.get(&open.address).is_some_and(|address| address.open == 0) {
            state.addresses.remove(&open.address);
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
        let turn = self.next();
        let Some(open) = self.open.get_mut(&id).filter(|open| open.turn.is_none()) else { return };
        open.turn = Some(turn);
        let address = open.address;
        self.change(address, |address| {
            address.waiting.insert(turn, id);
        });
    }

    fn resume(&mut self, id: u64) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let Some(turn) = open.turn.take() else { return };
        let address = open.address;
        self.change(address, |address| {
            address.waiting.remove(&turn);
        });
    }

    /// Changes the state of an address and updates its rank.
    fn change(&mut self, network: Network, change: impl FnOnce(&mut Address)) {
        let Some(address) = self.addresses.get_mut(&network) else { return };
        if let Some(rank) = address.rank(network) {
            self.order.remove(&rank);
        }
        change(address);
        self.order.extend(address.rank(network));
    }
}

impl Address {
    fn rank(&self, network: Network) -> Option<Rank> {
        let (turn, _) = self.waiting.first_key_value()?;
        Some((self.open, Reverse(*turn), network))
    }
}

impl Place {
    /// The task to abort on eviction.
    pub fn set_task(&self, task: AbortHandle) {
        if let Some(open) = self.connections.lock().open.get_mut(&self.id) {
            open.task = Some(task);
        }
    }

    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The connection waits for its client to send or read.
    pub fn wait_for_client(&self) {
        self.connections.lock().wait(self.id);
    }

    /// The client sent or read something; the server continues.
    pub fn resume(&self) {
        self.connections.lock().resume(self.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        if self.connections.remove(&mut state, self.id).is_none() {
            state.closing -= 1;
        }
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
        let second = connections.admit(address(1), false).expect("a place");
        assert_eq!(connections.admit(address(1), false).err(), Some(Closed::AddressFull));
        let _other = connections.admit(address(2), false).expect("a place");
        let proxy = connections.admit(address(1), true).expect("a place");
        drop(first);
        assert_eq!(connections.admit(address(1), false).err(), Some(Closed::AddressFull));
        drop((second, proxy));
        assert_eq!(connections.lock().addresses.len(), 1, "an address without any is forgotten");
    }

    #[test]
    fn the_address_with_the_most_makes_room() {
        let connections = connections(5, 0);
        let admit = |last| connections.admit(address(last), false).expect("a place");
        let honest = admit(1);
        let many: Vec<Place> = (0..4).map(|_| admit(2)).collect();
        // A request of one of them is in progress, so it cannot be evicted.
        many[0].resume();
        let new = admit(3);
        assert!(is_open(&connections, &many[0]) && !is_open(&connections, &many[1]));
        assert!(is_open(&connections, &honest) && is_open(&connections, &many[2]));
        let _another = admit(4);
        assert!(!is_open(&connections, &many[2]) && is_open(&connections, &honest));
        // Each address has one waiting connection now: the longest wait is evicted, however old the connection.
        honest.resume();
        honest.wait_for_client();
        let _last = admit(5);
        assert!(!is_open(&connections, &many[3]) && is_open(&connections, &honest));
        assert!(is_open(&connections, &new));
    }

    #[test]
    fn what_is_worked_on_makes_no_room() {
        let connections = connections(2, 0);
        let admit = |last| connections.admit(address(last), false);
        let (first, second) = (admit(1).expect("a place"), admit(1).expect("a place"));
        first.resume();
        second.resume();
        assert_eq!(admit(2).err(), Some(Closed::ServerFull));
        second.wait_for_client();
        let third = admit(2).expect("a place");
        assert!(is_open(&connections, &first) && !is_open(&connections, &second));
        drop((first, second, third));
        let state = connections.lock();
        assert!(state.open.is_empty() && state.addresses.is_empty() && state.order.is_empty());
        assert_eq!(state.closing, 0);
    }
}
