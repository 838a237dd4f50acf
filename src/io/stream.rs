//! SIP over TCP and TLS: a table of connections that the control task owns, one small task a connection that frames and writes.
//!
//! Invariants: what a peer can make us hold is bounded: connections in all and by source, octets of one unfinished message
//! and its time, octets that wait to be written, the time of a handshake. Nothing that must go under TLS goes in clear, and
//! nothing goes to a name over a connection that did not prove it.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::connection::{self, Way};
use super::names::Names;
use super::seldom::Seldom;
use super::tls::{Secure, Tls};
use crate::base::bounds;
use crate::sip::{Flow, Transport};

/// What the connections tell the control task.
#[derive(Debug)]
pub enum Event {
    /// Somebody connected to a listener. To be given to [`Streams::admit`].
    Accepted {
        /// The connection, before any handshake.
        stream: TcpStream,
        /// What the listener speaks.
        transport: Transport,
    },
    /// A whole message arrived.
    Message {
        /// On which connection.
        flow: Flow,
        /// Its octets.
        raw: Bytes,
    },
    /// A connection ended, or could not be opened. To be given to [`Streams::ended`].
    Ended {
        /// Its number.
        connection: u64,
    },
}

/// Flows that ended.
pub type Ended = SmallVec<[Flow; 2]>;

/// Every stream connection of the node.
#[derive(Debug)]
pub struct Streams {
    events: mpsc::Sender<Event>,
    listeners: Vec<AbortHandle>,
    open: HashMap<u64, Peer>,
    by_remote: HashMap<(Transport, SocketAddr), u64>,
    /// The connections of each address, oldest first.
    by_source: HashMap<IpAddr, BTreeSet<u64>>,
    tls: Option<Tls>,
    names: Names,
    seldom: Arc<Seldom>,
    last: u64,
}

/// One connection.
#[derive(Debug)]
struct Peer {
    flow: Flow,
    /// Flows without a connection number that were sent over it: they end with it.
    asked: Ended,
    /// How many names it proved, if the node opened it under TLS.
    proved: usize,
    queue: mpsc::UnboundedSender<Bytes>,
    queued_bytes: Arc<AtomicUsize>,
    /// Whether it has brought a whole message, or was opened by the node: else it makes room when somebody needs it.
    spoke: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Streams {
    /// No connections yet, and where they will tell of themselves.
    pub fn new() -> (Streams, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(bounds::STREAM_EVENTS);
        let streams = Streams {
            events,
            listeners: Vec::new(),
            open: HashMap::new(),
            by_remote: HashMap::new(),
            by_source: HashMap::new(),
            tls: None,
            names: Names::default(),
            seldom: Arc::new(Seldom::new()),
            last: 0,
        };
        (streams, receiver)
    }

    /// From now on connections are served and opened under TLS too.
    pub fn secure(&mut self, tls: Tls) {
        self.tls = Some(tls);
    }

    /// Whoever is connected to at `remote` under TLS must prove `name` (RFC 5922 §4): the switch was led there by it. An address
    /// that several names led to must prove them all.
    pub fn expect(&mut self, remote: SocketAddr, name: &str) {
        self.names.add(remote, name);
    }

    /// Listens at `address` for TCP or TLS; returns the address with the port that the system chose if it was 0. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's, most often that the address is in use or is not this machine's.
    pub fn listen(&mut self, address: SocketAddr, transport: Transport) -> io::Result<SocketAddr> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        if address.is_ipv6() {
            socket2::SockRef::from(&socket).set_only_v6(true)?;
        }
        socket.bind(address)?;
        let listener = socket.listen(1_024)?;
        let local = listener.local_addr()?;
        self.listeners.push(tokio::spawn(accept(listener, transport, self.events.clone())).abort_handle());
        Ok(local)
    }

    /// Takes an accepted connection in. Where the bounds are reached, the oldest that has brought no message yet makes room for it
    /// (half-sent messages and handshakes keep nobody out); without such a one it is closed at once.
    pub fn admit(&mut self, stream: TcpStream, transport: Transport) {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        let secure = match (transport.is_secure(), &self.tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(Secure::Server(tls.acceptor())),
            (true, None) => return,
        };
        if !self.has_room(remote.ip()) {
            if self.seldom.now() {
                tracing::warn!(source = %remote.ip(), all = self.open.len(), "too many connections: one was turned away");
            }
            return;
        }
        let flow = Flow { transport, local, remote, connection: self.number() };
        // Who a peer is that opened a connection under TLS nobody proved: only its own flow leads back over it.
        if secure.is_none() {
            self.by_remote.insert((transport, remote), flow.connection);
        }
        self.start(flow, 0, Way { stream: Some(stream), secure });
    }

    /// Sends over the flow's connection; a flow without a number takes a connection to the same remote address, or has one
    /// opened. Returns the flows that turned out to have ended.
    pub fn send(&mut self, flow: &Flow, octets: Bytes) -> Ended {
        let connection = match flow.connection {
            0 => self.known(flow).or_else(|| self.dial(flow)),
            number => Some(number),
        };
        let Some(peer) = connection.and_then(|number| self.open.get_mut(&number)) else {
            return smallvec![*flow];
        };
        if flow.connection == 0 && !peer.asked.contains(flow) && peer.asked.len() < 8 {
            peer.asked.push(*flow);
        }
        let number = peer.flow.connection;
        let waiting = peer.queued_bytes.fetch_add(octets.len(), Ordering::Relaxed) + octets.len();
        if waiting > bounds::WRITE_QUEUE_BYTES {
            tracing::warn!(remote = %peer.flow.remote, "a stream peer does not read: connection cut");
            return self.ended(number);
        }
        if peer.queue.send(octets).is_err() { self.ended(number) } else { Ended::new() }
    }

    /// Forgets a connection that ended; returns its flows. A number that is forgotten already has none.
    pub fn ended(&mut self, connection: u64) -> Ended {
        let Some(peer) = self.open.remove(&connection) else { return Ended::new() };
        peer.task.abort();
        let key = (peer.flow.transport, peer.flow.remote);
        if self.by_remote.get(&key) == Some(&connection) {
            self.by_remote.remove(&key);
        }
        if let Some(all) = self.by_source.get_mut(&peer.flow.remote.ip()) {
            all.remove(&connection);
            if all.is_empty() {
                self.by_source.remove(&peer.flow.remote.ip());
            }
        }
        let mut flows = peer.asked;
        flows.push(peer.flow);
        flows
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether one more connection from `source` is within the bounds, if need be in place of one that has brought nothing.
    fn has_room(&mut self, source: IpAddr) -> bool {
        let silent =
            |number: &u64| self.open.get(number).is_some_and(|peer| !peer.spoke.load(Ordering::Relaxed));
        let from_there = self.by_source.get(&source);
        let expendable = if from_there.is_some_and(|all| all.len() >= bounds::CONNECTIONS_PER_SOURCE) {
            from_there.and_then(|all| all.iter().copied().find(silent))
        } else if self.open.len() >= bounds::CONNECTIONS {
            self.open.keys().copied().filter(silent).min()
        } else {
            return true;
        };
        // It brought nothing, so nobody knows it: there is nobody to tell.
        expendable.map(|number| self.ended(number)).is_some()
    }

    /// A connection that leads where the flow goes and has proved every name that is expected there.
    fn known(&self, flow: &Flow) -> Option<u64> {
        let number = *self.by_remote.get(&(flow.transport, flow.remote))?;
        let proved = self.open.get(&number)?.proved;
        (!flow.transport.is_secure() || proved == self.names.of(flow.remote).len()).then_some(number)
    }

    /// Opens a connection to where the flow goes; `None` when there are too many, or no TLS to do it under.
    fn dial(&mut self, flow: &Flow) -> Option<u64> {
        if self.open.len() >= bounds::CONNECTIONS {
            return None;
        }
        let names = self.names.of(flow.remote);
        let proved = names.len();
        let secure = match flow.transport {
            Transport::Tcp => None,
            Transport::Tls => Some(self.tls.as_ref()?.connector(flow.remote, names)?),
            Transport::Udp | Transport::Ws | Transport::Wss => return None,
        };
        let number = self.number();
        let real = Flow { connection: number, ..*flow };
        self.by_remote.insert((real.transport, real.remote), number);
        self.start(real, proved, Way { stream: None, secure });
        Some(number)
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn start(&mut self, flow: Flow, proved: usize, way: Way) {
        let (queue, queued) = mpsc::unbounded_channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let writes =
            connection::Writes { queue: queue.clone(), queued, queued_bytes: Arc::clone(&queued_bytes) };
        let spoke = Arc::new(AtomicBool::new(way.stream.is_none()));
        let told = connection::Told {
            events: self.events.clone(),
            spoke: Arc::clone(&spoke),
            seldom: Arc::clone(&self.seldom),
        };
        let task = tokio::spawn(connection::run(flow, way, writes, told)).abort_handle();
        let peer = Peer { flow, asked: Ended::new(), proved, queue, queued_bytes, spoke, task };
        self.by_source.entry(flow.remote.ip()).or_default().insert(flow.connection);
        self.open.insert(flow.connection, peer);
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.listeners.iter().chain(self.open.values().map(|peer| &peer.task)).for_each(AbortHandle::abort);
    }
}

/// Accepts for ever. A machine out of descriptors is given a moment.
async fn accept(listener: TcpListener, transport: Transport, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if events.send(Event::Accepted { stream, transport }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Opens a connection from the flow's local address, within [`bounds::CONNECT`].
pub(super) async fn open(flow: &Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if !flow.local.ip().is_unspecified() {
        match socket.bind(SocketAddr::new(flow.local.ip(), 0)) {
            // A unit that lets the process bind its own ports only: then the system chooses the address too.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    timeout(bounds::CONNECT, socket.connect(flow.remote))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream as Phone;

    const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    /// A listener, its events, and a phone that is connected and admitted.
    async fn connected() -> (Streams, mpsc::Receiver<Event>, Phone) {
        let (mut streams, mut events) = Streams::new();
        let local =
            streams.listen("127.0.0.1:0".parse().expect("an address"), Transport::Tcp).expect("bound");
        let phone = Phone::connect(local).expect("connected");
        match events.recv().await {
            Some(Event::Accepted { stream, transport }) => streams.admit(stream, transport),
            other => panic!("{other:?}"),
        }
        (streams, events, phone)
    }

    async fn message(events: &mut mpsc::Receiver<Event>) -> (Flow, Bytes) {
        match events.recv().await {
            Some(Event::Message { flow, raw }) => (flow, raw),
            other => panic!("{other:?}"),
        }
    }

    fn read(phone: &mut Phone, len: usize) -> Vec<u8> {
        let mut octets = vec![0; len];
        phone.read_exact(&mut octets).expect("octets");
        octets
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn messages_go_both_ways_over_one_connection() {
        let (mut streams, mut events, mut phone) = connected().await;
        phone.write_all(&[OPTIONS, &OPTIONS[..9]].concat()).expect("sent");
        let (flow, raw) = message(&mut events).await;
        assert_eq!((&raw[..], flow.connection), (OPTIONS, 1));
        phone.write_all(&OPTIONS[9..]).expect("sent");
        assert_eq!(message(&mut events).await, (flow, Bytes::from_static(OPTIONS)));
        // A flow without a number finds the same connection.
        for flow in [flow, Flow { connection: 0, ..flow }] {
            assert!(streams.send(&flow, Bytes::from_static(b"hello")).is_empty());
            assert_eq!(read(&mut phone, 5), b"hello");
        }
        assert_eq!(streams.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_ping_is_answered_and_an_end_is_told() {
        let (mut streams, mut events, mut phone) = connected().await;
        phone.write_all(b"\r\n\r\n").expect("sent");
        assert_eq!(read(&mut phone, 2), b"\r\n");
        let flow = streams.open[&1].flow;
        drop(phone);
        assert!(matches!(events.recv().await, Some(Event::Ended { connection: 1 })));
        assert_eq!(streams.ended(1).as_slice(), [flow]);
        assert!(streams.is_empty() && streams.by_source.is_empty() && streams.by_remote.is_empty());
        assert_eq!(streams.send(&flow, Bytes::from_static(b"late")).as_slice(), [flow]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_is_no_sip_is_answered_and_closed() {
        let (_streams, mut events, mut phone) = connected().await;
        phone.write_all(b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n").expect("sent");
        let mut answer = String::new();
        phone.read_to_string(&mut answer).expect("closed in order");
        assert!(answer.starts_with("SIP/2.0 400 "), "{answer}");
        assert!(matches!(events.recv().await, Some(Event::Ended { connection: 1 })));
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_does_not_hold_a_connection() {
        let (_streams, mut events, mut phone) = connected().await;
        let began = tokio::time::Instant::now();
        phone.write_all(&OPTIONS[..20]).expect("sent");
        assert!(matches!(events.recv().await, Some(Event::Ended { connection: 1 })));
        assert!(began.elapsed() <= bounds::STREAM_FIRST);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_connection_is_opened_where_there_is_none_and_its_failure_is_told() {
        let (mut streams, mut events) = Streams::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let remote = listener.local_addr().expect("bound");
        let local = "127.0.0.1:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Tcp, local, remote, connection: 0 };
        assert!(streams.send(&flow, Bytes::from_static(OPTIONS)).is_empty());
        assert!(streams.send(&flow, Bytes::from_static(OPTIONS)).is_empty());
        let (mut phone, _) = listener.accept().expect("connected");
        assert_eq!(read(&mut phone, OPTIONS.len() * 2), [OPTIONS, OPTIONS].concat());
        assert_eq!(streams.len(), 1);
        drop((phone, listener));
        assert!(matches!(events.recv().await, Some(Event::Ended { connection: 1 })));
        assert_eq!(streams.ended(1).as_slice(), [flow, Flow { connection: 1, ..flow }]);
        // Nobody listens any more.
        // The refusal may be there before the message is queued, or after.
        let mut ended = streams.send(&flow, Bytes::from_static(OPTIONS));
        assert!(matches!(events.recv().await, Some(Event::Ended { connection: 2 })));
        ended.extend(streams.ended(2));
        assert!(ended.contains(&flow));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_peer_that_does_not_read_is_cut() {
        let (mut streams, mut events, mut phone) = connected().await;
        phone.write_all(OPTIONS).expect("sent");
        let (flow, _) = message(&mut events).await;
        let lump = Bytes::from(vec![b'x'; 256 << 10]);
        let sent = (0..1_000).find(|_| !streams.send(&flow, lump.clone()).is_empty());
        assert!(sent.is_some(), "never cut");
        assert!(streams.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn one_source_has_so_many_connections_and_the_silent_make_room() {
        let (mut streams, mut events) = Streams::new();
        let local =
            streams.listen("127.0.0.1:0".parse().expect("an address"), Transport::Tcp).expect("bound");
        let mut connect = async |streams: &mut Streams, speaks: bool| {
            let before = streams.last;
            let mut phone = Phone::connect(local).expect("connected");
            phone.write_all(if speaks { OPTIONS } else { &OPTIONS[..20] }).expect("sent");
            match events.recv().await {
                Some(Event::Accepted { stream, transport }) => streams.admit(stream, transport),
                other => panic!("{other:?}"),
            }
            if speaks && streams.last > before {
                message(&mut events).await;
            }
            phone
        };
        let mut first = connect(&mut streams, true).await;
        let mut half = connect(&mut streams, false).await;
        let mut rest = Vec::new();
        for _ in 2..=bounds::CONNECTIONS_PER_SOURCE {
            rest.push(connect(&mut streams, true).await);
        }
        assert_eq!(streams.len(), bounds::CONNECTIONS_PER_SOURCE);
        // The one that had said half a word made room for the last; now nobody does.
        assert!(matches!(half.read(&mut [0; 1]), Ok(0) | Err(_)), "closed");
        let mut late = connect(&mut streams, true).await;
        assert!(matches!(late.read(&mut [0; 1]), Ok(0) | Err(_)), "closed");
        assert!(streams.send(&streams.open[&1].flow.clone(), Bytes::from_static(b"hello")).is_empty());
        assert_eq!(read(&mut first, 5), b"hello");
    }
}
