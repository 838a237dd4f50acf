//! Questions of the core to the DNS, each answered by a task of its own.
//!
//! Invariant: every question gets one answer within [`bounds::LOCATE`]; a DNS that is down or slow answers `Nothing`.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::base::bounds;
use crate::locate::{Answer, Naptr, Path, Question, Srv};

/// Asks the servers of `/etc/resolv.conf`, and `/etc/hosts` for addresses.
pub(super) struct Resolver {
    /// `None`: the system's configuration cannot be read; then only numeric hosts are found.
    dns: Option<Arc<TokioResolver>>,
    answers: mpsc::Sender<(u64, Answer)>,
}

impl Resolver {
    /// A resolver, and where its answers come.
    pub fn start() -> (Resolver, mpsc::Receiver<(u64, Answer)>) {
        let (answers, receiver) = mpsc::channel(bounds::TRUNKS);
        let dns = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let dns =
            dns.inspect_err(|error| tracing::warn!(%error, "no DNS: only numeric hosts are found")).ok();
        (Resolver { dns: dns.map(Arc::new), answers }, receiver)
    }

    /// Asks. The answer comes with `ticket`.
    pub fn ask(&self, ticket: u64, question: Question) {
        let (dns, answers) = (self.dns.clone(), self.answers.clone());
        tokio::spawn(async move {
            let answer = timeout(bounds::LOCATE, look_up(dns, &question)).await.unwrap_or(Answer::Nothing);
            // Nobody listens only when the node is going down.
            let _ = answers.send((ticket, answer)).await;
        });
    }
}

async fn look_up(dns: Option<Arc<TokioResolver>>, question: &Question) -> Answer {
    if let Question::Address(host) = question
        && let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>()
    {
        return Answer::Addresses(path(ip).into_iter().collect());
    }
    let Some(dns) = dns else { return Answer::Nothing };
    let found = match question {
        Question::Address(host) => {
            let Ok(found) = dns.lookup_ip(rooted(host)).await else { return Answer::Nothing };
            return Answer::Addresses(found.iter().filter_map(path).collect());
        }
        Question::Naptr(name) => dns.lookup(rooted(name), RecordType::NAPTR).await,
        Question::Srv(name) => dns.lookup(rooted(name), RecordType::SRV).await,
    };
    let Ok(found) = found else { return Answer::Nothing };
    match question {
        Question::Naptr(_) => Answer::Naptr(found.answers().iter().filter_map(naptr).collect()),
        _ => Answer::Srv(found.answers().iter().filter_map(srv).collect()),
    }
}

/// A name that no search list is put behind.
fn rooted(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn naptr(record: &Record) -> Option<Naptr> {
    match &record.data {
        RData::NAPTR(found) if found.flags.eq_ignore_ascii_case(b"s") => Some(Naptr {
            order: found.order,
            preference: found.preference,
            service: String::from_utf8_lossy(&found.services).into_owned(),
            replacement: found.replacement.to_ascii().trim_end_matches('.').into(),
        }),
        _ => None,
    }
}

fn srv(record: &Record) -> Option<Srv> {
    match &record.data {
        RData::SRV(found) => Some(Srv {
            priority: found.priority,
            weight: found.weight,
            port: found.port,
            host: match found.target.to_ascii().trim_end_matches('.') {
                "" => ".".into(),
                host => host.into(),
            },
        }),
        _ => None,
    }
}

/// An address and the one of ours that the system would send from; nothing is sent.
fn path(remote: IpAddr) -> Option<Path> {
    let any: SocketAddr = if remote.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((remote, 5_060)).ok()?;
    Some(Path { local: socket.local_addr().ok()?.ip(), remote })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_numeric_host_needs_no_dns_and_a_dead_dns_finds_nothing() {
        let (mut resolver, mut answers) = Resolver::start();
        resolver.dns = None;
        for (ticket, (host, expected)) in [
            ("127.0.0.1", Answer::Addresses(path([127, 0, 0, 1].into()).into_iter().collect())),
            ("sip.carrier.example", Answer::Nothing),
        ]
        .into_iter()
        .enumerate()
        {
            let ticket = ticket as u64;
            resolver.ask(ticket, Question::Address(host.into()));
            assert_eq!(answers.recv().await, Some((ticket, expected)), "{host}");
        }
    }
}
