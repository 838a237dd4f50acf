//! TLS over real sockets: who is let in, who is believed, and what a reload changes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::io::stream::{Event, Streams};
use crate::sip::{Flow, Transport};

const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

/// An authority of a test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed"))
    }

    /// The authority's certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `names` and its key, as PEM.
    pub fn issue(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        (params.signed_by(&key, &self.0).expect("signed").pem(), key.serialize_pem())
    }
}

/// A node's certificate folder.
struct Folder {
    folder: TempDir,
    authority: Authority,
}

impl Folder {
    fn new() -> Folder {
        let made = Folder {
            folder: tempfile::tempdir().expect("a folder"),
            authority: Authority::new("the site's authority"),
        };
        made.renew();
        fs::write(made.path("ca.pem"), made.authority.pem()).expect("written");
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn renew(&self) {
        let (certificate, key) = self.authority.issue(&["pbx.example"]);
        fs::write(self.path("crt"), certificate).expect("written");
        fs::write(self.path("key"), key).expect("written");
    }

    fn config(&self, mutual: bool) -> config::Tls {
        config::Tls {
            certificate: self.path("crt"),
            key: self.path("key"),
            clients: mutual.then(|| self.path("ca.pem")),
            trust: Some(self.path("ca.pem")),
        }
    }

    fn tls(&self, mutual: bool) -> Tls {
        Tls::load(&self.config(mutual)).expect("loads")
    }
}

fn listening(tls: Tls) -> (Streams, Receiver<Event>, SocketAddr) {
    let (mut streams, events) = Streams::new();
    streams.secure(tls);
    let local = streams.listen("127.0.0.1:0".parse().expect("an address"), Transport::Tls).expect("bound");
    (streams, events, local)
}

/// Lets the next connection in; those that ended before are forgotten.
async fn admit(streams: &mut Streams, events: &mut Receiver<Event>) {
    loop {
        match events.recv().await {
            Some(Event::Accepted { stream, transport }) => return streams.admit(stream, transport),
            Some(Event::Ended { connection }) => drop(streams.ended(connection)),
            other => panic!("{other:?}"),
        }
    }
}

/// A phone's side: with a certificate of its own or without.
fn client(
    trust: &Path,
    own: Option<(&str, &str)>,
    version: &'static rustls::SupportedProtocolVersion,
) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .expect("versions")
        .with_root_certificates(authorities(trust).expect("roots"));
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(vec![certificate], key).expect("a pair")
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn phone(connector: &TlsConnector, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("pbx.example").expect("a name");
    connector.connect(name, TcpStream::connect(to).await?).await
}

/// What a phone is answered to OPTIONS: its flow at the node, or why there is none.
async fn options(
    connector: &TlsConnector,
    streams: &mut Streams,
    events: &mut Receiver<Event>,
    to: SocketAddr,
) -> Option<(Flow, TlsStream<TcpStream>)> {
    let (shaken, ()) = tokio::join!(phone(connector, to), admit(streams, events));
    let mut phone = shaken.ok()?;
    phone.write_all(OPTIONS).await.ok()?;
    match events.recv().await {
        Some(Event::Message { flow, raw }) => {
            assert_eq!(&raw[..], OPTIONS);
            Some((flow, phone))
        }
        Some(Event::Ended { connection }) => {
            assert_eq!(streams.ended(connection).len(), 1);
            None
        }
        other => panic!("{other:?}"),
    }
}

async fn read(phone: &mut TlsStream<TcpStream>, len: usize) -> Vec<u8> {
    let mut octets = vec![0; len];
    phone.read_exact(&mut octets).await.expect("octets");
    octets
}

#[tokio::test]
async fn phones_of_both_versions_are_served_and_reached_over_their_own_connection_only() {
    let folder = Folder::new();
    let (mut streams, mut events, local) = listening(folder.tls(false));
    for version in [&TLS12, &TLS13] {
        let connector = client(&folder.path("ca.pem"), None, version);
        let (flow, mut phone) = options(&connector, &mut streams, &mut events, local).await.expect("served");
        assert_eq!((flow.transport, flow.local), (Transport::Tls, local));
        assert!(streams.send(&flow, Bytes::from_static(b"hello")).is_empty());
        assert_eq!(read(&mut phone, 5).await, b"hello");
        phone.write_all(b"\r\n\r\n").await.expect("sent");
        assert_eq!(read(&mut phone, 2).await, b"\r\n");
        // Somebody who merely connected from an address has not proved to be what is asked for there.
        let anybody = Flow { connection: 0, ..flow };
        let before = streams.len();
        let _ = streams.send(&anybody, Bytes::from_static(b"secret"));
        assert_eq!(streams.len(), before + 1, "another connection was opened");
        assert!(matches!(events.recv().await, Some(Event::Ended { .. })), "and refused: a phone serves none");
    }
}

#[tokio::test]
async fn with_mutual_tls_only_certificates_of_the_site_are_let_in() {
    let folder = Folder::new();
    let (mut streams, mut events, local) = listening(folder.tls(true));
    let ours = folder.authority.issue(&["phone-1.example"]);
    let theirs = Authority::new("somebody else").issue(&["phone-1.example"]);
    for version in [&TLS12, &TLS13] {
        for (own, expected) in [(None, false), (Some(&theirs), false), (Some(&ours), true)] {
            let own = own.map(|(certificate, key)| (certificate.as_str(), key.as_str()));
            let connector = client(&folder.path("ca.pem"), own, version);
            let served = options(&connector, &mut streams, &mut events, local).await.is_some();
            assert_eq!(served, expected, "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_ends_none() {
    let folder = Folder::new();
    let tls = folder.tls(false);
    let (mut streams, mut events, local) = listening(tls.clone());
    let connector = client(&folder.path("ca.pem"), None, &TLS13);
    let shown = |phone: &TlsStream<TcpStream>| {
        phone.get_ref().1.peer_certificates().expect("certificates").first().expect("one").clone()
    };
    let (flow, mut old) = options(&connector, &mut streams, &mut events, local).await.expect("served");
    // A half-written pair changes nothing.
    fs::write(folder.path("crt"), folder.authority.issue(&["pbx.example"]).0).expect("written");
    assert!(matches!(tls.reload(), Err(TlsError::Pair(..))));
    let (_, same) = options(&connector, &mut streams, &mut events, local).await.expect("served");
    assert_eq!(shown(&same), shown(&old));
    folder.renew();
    tls.reload().expect("a pair");
    let (_, new) = options(&connector, &mut streams, &mut events, local).await.expect("served");
    assert_ne!(shown(&new), shown(&old));
    assert!(streams.send(&flow, Bytes::from_static(b"still")).is_empty());
    assert_eq!(read(&mut old, 5).await, b"still");
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_noticed_once_both_are_there() {
    let folder = Folder::new();
    let tls = folder.tls(false);
    let before = tls.current();
    let watching = tokio::spawn(tls.clone().watch());
    tokio::time::sleep(bounds::CERTIFICATE_WATCH * 3).await;
    assert!(Arc::ptr_eq(&before, &tls.current()), "nothing changed");
    folder.renew();
    tokio::time::sleep(bounds::CERTIFICATE_WATCH * 3).await;
    assert!(!Arc::ptr_eq(&before, &tls.current()), "the new pair was read");
    watching.abort();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_shake_hands_is_closed() {
    let folder = Folder::new();
    for words in [&b""[..], b"\x16\x03\x01", b"OPTIONS sip:a SIP/2.0\r\n\r\n"] {
        let (mut streams, mut events, local) = listening(folder.tls(false));
        let mut phone = TcpStream::connect(local).await.expect("connected");
        admit(&mut streams, &mut events).await;
        let began = tokio::time::Instant::now();
        phone.write_all(words).await.expect("sent");
        assert!(matches!(events.recv().await, Some(Event::Ended { connection: 1 })), "{words:?}");
        assert!(began.elapsed() <= bounds::HANDSHAKE + Duration::from_millis(10), "{words:?}");
    }
}

/// A carrier's host that shows `names`, and what it received.
async fn carrier(authority: &Authority, names: &[&str]) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let (certificate, key) = authority.issue(names);
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("connected");
        let mut got = vec![0; OPTIONS.len()];
        match TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            Ok(mut stream) => match stream.read_exact(&mut got).await {
                Ok(_) => got,
                Err(_) => Vec::new(),
            },
            Err(_) => Vec::new(),
        }
    });
    (address, serving)
}

#[tokio::test]
async fn a_host_that_is_connected_to_must_prove_every_name_that_led_there() {
    let folder = Folder::new();
    let stranger = Authority::new("somebody else");
    for (authority, shows, expected_names, reached) in [
        (&folder.authority, &["sip.carrier.example"][..], &["sip.carrier.example"][..], true),
        (&folder.authority, &["a.example", "b.example"], &["a.example", "B.example"], true),
        (&folder.authority, &["127.0.0.1"], &[], true),
        (&folder.authority, &["a.example"], &["a.example", "b.example"], false),
        (&folder.authority, &["*.carrier.example"], &["sip.carrier.example"], false),
        (&folder.authority, &["sip.carrier.example"], &[], false),
        (&stranger, &["sip.carrier.example"], &["sip.carrier.example"], false),
    ] {
        let (remote, serving) = carrier(authority, shows).await;
        let (mut streams, mut events, local) = listening(folder.tls(false));
        for name in expected_names {
            streams.expect(remote, name);
        }
        let flow = Flow { transport: Transport::Tls, local, remote, connection: 0 };
        assert!(streams.send(&flow, Bytes::from_static(OPTIONS)).is_empty());
        let got = timeout(Duration::from_secs(20), serving).await.expect("in time").expect("served");
        assert_eq!(got == OPTIONS, reached, "{shows:?} for {expected_names:?}");
        if !reached {
            assert!(matches!(events.recv().await, Some(Event::Ended { connection: 1 })));
            assert!(streams.ended(1).contains(&flow), "who asked is told");
        }
    }
}

#[tokio::test]
async fn a_connection_serves_no_name_that_it_did_not_prove() {
    let folder = Folder::new();
    let (remote, serving) = carrier(&folder.authority, &["a.example"]).await;
    let (mut streams, _events, local) = listening(folder.tls(false));
    streams.expect(remote, "a.example");
    let flow = Flow { transport: Transport::Tls, local, remote, connection: 0 };
    assert!(streams.send(&flow, Bytes::from_static(OPTIONS)).is_empty());
    assert_eq!(serving.await.expect("served"), OPTIONS);
    streams.expect(remote, "b.example");
    assert!(streams.send(&flow, Bytes::from_static(OPTIONS)).is_empty());
    assert_eq!(streams.len(), 2, "for the second name a connection of its own");
}

#[test]
fn a_fault_in_the_files_names_the_file() {
    let folder = Folder::new();
    fs::write(folder.path("empty"), "").expect("written");
    fs::write(folder.path("other"), Authority::new("x").issue(&["x"]).1).expect("written");
    let with = |change: &dyn Fn(&mut config::Tls)| {
        let mut files = folder.config(true);
        change(&mut files);
        Tls::load(&files).expect_err("a fault").to_string()
    };
    for (told, file) in [
        (with(&|files| files.certificate = folder.path("none")), "none"),
        (with(&|files| files.certificate = folder.path("empty")), "empty"),
        (with(&|files| files.key = folder.path("empty")), "empty"),
        (with(&|files| files.key = folder.path("other")), "crt"),
        (with(&|files| files.clients = Some(folder.path("none"))), "none"),
        (with(&|files| files.trust = Some(folder.path("empty"))), "empty"),
    ] {
        assert!(told.contains(folder.path(file).to_str().expect("UTF-8")), "{told}");
    }
}
