//! The support of the tests: an app and a database for each test, and real components.

pub mod app;
pub mod builders;
pub mod client;
pub mod compiler_bombs;
pub mod components;
pub mod corpus;
pub mod databases;
pub mod debian;
pub mod node;
pub mod postgres;
pub mod proxy;
pub mod python;
pub mod receiver;
pub mod reply;
pub mod shape;
pub mod socket;
pub mod statements;
pub mod tools;

pub use app::TestApp;
pub use databases::Backend;
pub use serde_json::json;

use std::io::Write;

/// Creates two tests of each named `async fn(&TestApp)`: one on SQLite, one on PostgreSQL.
macro_rules! both_databases {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn sqlite() {
                crate::support::run(crate::support::Backend::Sqlite, super::$test);
            }

            #[test]
            fn postgres() {
                crate::support::run(crate::support::Backend::Postgres, super::$test);
            }
        }
    )+};
}
pub(crate) use both_databases;

/// One test of each named `async fn(&TestApp)`, for what concerns one database: `on_one_database!(sqlite Sqlite: …)`.
macro_rules! on_one_database {
    ($module:ident $backend:ident: $($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn $module() {
                crate::support::run(crate::support::Backend::$backend, super::$test);
            }
        }
    )+};
}
pub(crate) use on_one_database;

/// Runs a test on a runtime of its own; afterwards the doctor must find no problem in its database.
pub fn run(backend: Backend, test: impl AsyncFnOnce(&TestApp)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let app = TestApp::start(backend).await;
        test(&app).await;
        app.finish().await;
    });
}

/// Waits for a future on a thread of its own, wherever it is called: fixtures are created once, inside some test.
fn wait_for<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(future)
    };
    std::thread::spawn(work).join().expect("the fixture is made")
}

/// Writes directly to stderr, because libtest captures the print macros. Errors are ignored.
fn tell(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Sends all requests concurrently and waits for all; the replies are in the order of the requests.
pub async fn all_at_once(
    requests: impl IntoIterator<Item = impl client::Asked>,
) -> Vec<reply::Reply> {
    let running: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    let mut replies = Vec::with_capacity(running.len());
    for reply in running {
        replies.push(reply.await.expect("the request does not panic"));
    }
    replies
}
