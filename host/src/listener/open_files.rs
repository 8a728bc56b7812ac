//! The limit on open files, of which each connection uses one.

/// Reserved for the server: databases, files, pipes of compilations, webhook deliveries.
const KEPT: u64 = 256;

/// More connections need more memory than a default should use.
const CONNECTIONS_DEFAULT: usize = 10_000;

/// The minimum, even with few open files.
const CONNECTIONS_MIN: u64 = 16;

/// Raises the soft limit of this process to the hard one; many systems start with 1,024.
#[cfg(unix)]
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
}

#[cfg(not(unix))]
pub fn raise_limit() {}

/// The connection limit: the configured number, or what the limit on open files leaves.
pub fn connections_max(configured: usize) -> usize {
    let limit = current_limit();
    let max = within(limit, configured);
    if max < configured {
        tracing::warn!(
            configured,
            max,
            ?limit,
            "the limit on open files allows fewer connections than configured"
        );
    }
    max
}

fn within(limit: Option<u64>, configured: usize) -> usize {
    let available = limit.map(|limit| limit.saturating_sub(KEPT).max(CONNECTIONS_MIN));
    let available =
        available.and_then(|available| usize::try_from(available).ok()).unwrap_or(usize::MAX);
    available.min(if configured == 0 { CONNECTIONS_DEFAULT } else { configured })
}

/// `None` means unlimited.
#[cfg(unix)]
fn current_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn current_limit() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn files_are_left_for_the_server_itself() {
        assert_eq!(within(Some(1_024), 0), 768);
        assert_eq!(within(Some(1_024), 500), 500);
        assert_eq!(within(Some(1_024), 20_000), 768);
        assert_eq!(within(Some(1_048_576), 0), 10_000);
        assert_eq!(within(Some(1_048_576), 20_000), 20_000);
        assert_eq!(within(None, 0), 10_000);
        assert_eq!(within(Some(64), 0), 16);
    }
}
