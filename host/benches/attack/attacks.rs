//! What an attacker sends. A new attack is a variant of [`Attack`], its name and the bytes that it sends; one that sends
//! whole requests needs nothing else (`Connection: close` makes the server hang up after the response).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::target::Target;

/// How long a response is left unread before the next attempt.
const UNREAD: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
pub enum Attack {
    /// Connections without a key that send nothing.
    Nothing,
    /// Connections without a key that send half of a head.
    HalfHeads,
    /// The same from 64 addresses, none of which has more connections than it may.
    HalfHeadsFromEverywhere,
    /// With a key: a whole head, half of a body.
    HalfBodies,
    HalfBodiesFromEverywhere,
    /// Without a key: large responses that are not read.
    UnreadResponses,
    UnreadResponsesFromEverywhere,
    /// With a key, uploads whose settings schema is over the bounds.
    ExponentialSchemas,
    Patterns,
    /// With a key, settings that use up the limits of a check.
    DeepSettings,
    /// With a key, the largest body and the longest URL, made to cost much.
    WorstBodies,
    WorstUrls,
}

impl Attack {
    pub const ALL: [Attack; 12] = [
        Attack::Nothing,
        Attack::HalfHeads,
        Attack::HalfHeadsFromEverywhere,
        Attack::HalfBodies,
        Attack::HalfBodiesFromEverywhere,
        Attack::UnreadResponses,
        Attack::UnreadResponsesFromEverywhere,
        Attack::ExponentialSchemas,
        Attack::Patterns,
        Attack::DeepSettings,
        Attack::WorstBodies,
        Attack::WorstUrls,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Attack::Nothing => "connections that send nothing",
            Attack::HalfHeads => "half heads",
            Attack::HalfHeadsFromEverywhere => "half heads from 64 addresses",
            Attack::HalfBodies => "half bodies",
            Attack::HalfBodiesFromEverywhere => "half bodies from 64 addresses",
            Attack::UnreadResponses => "unread responses",
            Attack::UnreadResponsesFromEverywhere => "unread responses from 64 addresses",
            Attack::ExponentialSchemas => "exponential schemas",
            Attack::Patterns => "patterns that repeat",
            Attack::DeepSettings => "deep settings",
            Attack::WorstBodies => "worst bodies",
            Attack::WorstUrls => "worst URLs",
        }
    }

    /// More at the same time would add nothing: these keep all cores of the server busy.
    pub fn connections_max(self) -> usize {
        match self {
            Attack::ExponentialSchemas
            | Attack::Patterns
            | Attack::DeepSettings
            | Attack::WorstBodies
            | Attack::WorstUrls => 32,
            _ => usize::MAX,
        }
    }

    /// One try of one of the attacker's connections: connects, sends, and holds on until the server hangs up.
    /// `number` is that of the connection, `attempt` counts all of them.
    pub async fn attempt(self, target: &Target, number: usize) {
        let bytes = self.bytes(target);
        let Ok(mut stream) = connect(self.source(number), &target.address).await else {
            // For want of a port, for example.
            tokio::time::sleep(Duration::from_millis(10)).await;
            return;
        };
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        if self.reads() {
            let mut some = [0; 4096];
            while stream.read(&mut some).await.is_ok_and(|count| count > 0) {}
        } else {
            // Who does not read does not see that the server hung up.
            tokio::time::sleep(UNREAD).await;
        }
    }

    fn bytes(self, target: &Target) -> Cow<'_, [u8]> {
        let inputs = &target.inputs;
        let text = match self {
            Attack::ExponentialSchemas => return Cow::Borrowed(&inputs.exponential_schema),
            Attack::Patterns => return Cow::Borrowed(&inputs.patterns),
            Attack::DeepSettings => return Cow::Borrowed(&inputs.deep_settings),
            Attack::WorstBodies => return Cow::Borrowed(&inputs.worst_body),
            Attack::WorstUrls => return Cow::Borrowed(&inputs.worst_url),
            Attack::Nothing => String::new(),
            Attack::HalfHeads | Attack::HalfHeadsFromEverywhere => {
                "POST /v1/tickets HTTP/1.1\r\nhost: bench\r\ncontent-".to_owned()
            }
            Attack::HalfBodies | Attack::HalfBodiesFromEverywhere => format!(
                "POST /v1/tickets HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\ncontent-length: 1000000\r\n\r\n{{\"shop_id\": \"",
                target.attacker.key
            ),
            Attack::UnreadResponses | Attack::UnreadResponsesFromEverywhere => {
                "GET /v1/openapi.json HTTP/1.1\r\nhost: bench\r\n\r\n".repeat(50)
            }
        };
        Cow::Owned(text.into_bytes())
    }

    fn reads(self) -> bool {
        !matches!(self, Attack::UnreadResponses | Attack::UnreadResponsesFromEverywhere)
    }

    /// All of 127.0.0.0/8 is this machine; the others are at 127.0.0.1.
    fn source(self, number: usize) -> Ipv4Addr {
        let is_everywhere = matches!(
            self,
            Attack::HalfHeadsFromEverywhere
                | Attack::HalfBodiesFromEverywhere
                | Attack::UnreadResponsesFromEverywhere
        );
        let host = if is_everywhere { number % 64 } else { 0 };
        Ipv4Addr::new(127, 0, 0, 2 + host as u8)
    }
}

async fn connect(from: Ipv4Addr, address: &str) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(8192)?;
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    Ok(socket.connect(address.parse()?).await?)
}
