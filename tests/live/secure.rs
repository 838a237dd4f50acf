//! SIP under TLS with peers that others wrote: baresip's calls, OpenSSL's handshakes, certificates that change meanwhile.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::node::Node;
use crate::probe;
use crate::talk::{self, OFFICE, Office};
use crate::world::{PHONES, entered, wait_until};

/// An authority that the phones believe, and that the node believes phones by.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "The site's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed"))
    }

    /// Writes a new certificate for the node under the names of the old one.
    fn renew(&self, node: &Node) {
        let (certificate, key) = self.issue(PHONES);
        node.write("certs/ledgerline.crt", certificate.as_bytes());
        node.write("certs/ledgerline.key", key.as_bytes());
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_string()]).expect("a name");
        (params.signed_by(&key, &self.0).expect("signed").pem(), key.serialize_pem())
    }
}

/// A node with a certificate of `authority`, and one for the phones beside it.
pub fn node(authority: &Authority) -> Node {
    let node = talk::node(OFFICE);
    authority.renew(&node);
    node.write("certs/ca.pem", authority.0.pem().as_bytes());
    let (certificate, key) = authority.issue("phone.example");
    node.write("certs/phone.pem", (certificate + &key).as_bytes());
    node
}

/// What `openssl s_client` says of a connection to the node over which it sends `words`.
fn s_client(node: &Node, arguments: &[&str], words: &[u8]) -> String {
    let mut child = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "--",
            "openssl",
            "s_client",
            "-connect",
            &format!("{PHONES}:5061"),
            "-CAfile",
        ])
        .arg(node.path("certs/ca.pem"))
        .args(["-verify_return_error", "-nocommands"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs; tests/run installs it");
    // Its end of the pipe stays open until it has ended, or it would not wait for an answer.
    let mut mouth = child.stdin.take().expect("a pipe");
    // A refused handshake breaks the pipe.
    let _ = mouth.write_all(words);
    let mut said = String::new();
    let mut ear = child.stdout.take().expect("a pipe");
    let mut octets = [0; 4_096];
    while let Ok(len @ 1..) = ear.read(&mut octets) {
        said.push_str(&String::from_utf8_lossy(&octets[..len]));
        if said.contains("SIP/2.0 ") {
            break;
        }
    }
    let _ = child.kill();
    let done = child.wait_with_output().expect("ended");
    said + &String::from_utf8_lossy(&done.stderr)
}

fn options() -> String {
    probe::options("10.99.0.1:40000".parse().expect("an address"), "TLS")
}

/// The part of s_client's words that is the certificate that it was shown.
fn shown(said: &str) -> String {
    let (_, rest) = said.split_once("-----BEGIN CERTIFICATE-----").expect("a certificate");
    rest.split("-----END").next().expect("its end").to_string()
}

#[test]
fn openssl_is_answered_under_tls_1_2_and_1_3_and_nothing_older() {
    if !entered() {
        return;
    }
    let mut node = node(&Authority::new());
    node.serve();
    for (version, served) in [("-tls1_2", true), ("-tls1_3", true), ("-tls1_1", false)] {
        let said = s_client(&node, &[version, "-cipher", "ALL:@SECLEVEL=0"], options().as_bytes());
        assert_eq!(said.contains("SIP/2.0 "), served, "{version}: {said}");
        assert!(!served || said.contains("Verify return code: 0 (ok)"), "{version}: {said}");
    }
    node.stop();
}

#[test]
fn with_an_authority_for_phones_only_its_phones_are_let_in() {
    if !entered() {
        return;
    }
    let node = node(&Authority::new());
    node.write("certs/phones-ca.pem", &fs::read(node.path("certs/ca.pem")).expect("there"));
    node.add("tls", r#"clients = "certs/phones-ca.pem""#);
    // baresip shows its certificate and is registered; a stranger and somebody without one are not heard.
    let mut office = Office::of(node, "tls");
    let (certificate, key) = Authority::new().issue("phone.example");
    office.node.write("certs/stranger.pem", (certificate + &key).as_bytes());
    let path = |name: &str| office.node.path(name).to_str().expect("UTF-8").to_string();
    for (own, served) in [(None, false), (Some("certs/stranger.pem"), false), (Some("certs/phone.pem"), true)]
    {
        let own = own.map(path);
        let arguments: Vec<&str> = own.iter().flat_map(|own| ["-cert", own.as_str()]).collect();
        let said = s_client(&office.node, &arguments, options().as_bytes());
        assert_eq!(said.contains("SIP/2.0 "), served, "{own:?}: {said}");
    }
    office.call("8002");
    office.hang_up();
    office.node.stop();
}

#[test]
fn both_phones_are_offered_keys_and_stronger_ones_over_tls() {
    if !entered() {
        return;
    }
    for (transport, suite) in [("udp", "AES_CM_128_HMAC_SHA1_80"), ("tls", "AEAD_AES_256_GCM")] {
        let mut office = Office::encrypted(node(&Authority::new()), transport, [Some("srtp"); 2]);
        let call = office.call("8002");
        office.talk(1);
        office.hang_up();
        let id = call["id"].as_str().expect("an id");
        let explained = office.node.command(&["call", "explain", id]).succeeded().out;
        let aimed: Vec<&str> =
            explained.lines().filter(|line| line.contains("media") && line.contains(": to ")).collect();
        assert!(aimed.iter().all(|line| line.contains("AES_") || line.contains("_CM_")), "{explained}");
        assert!(aimed.iter().any(|line| line.contains("leg1") && line.contains(suite)), "{explained}");
        office.node.stop();
    }
}

#[test]
fn a_certificate_rolls_under_a_running_call() {
    if !entered() {
        return;
    }
    let authority = Authority::new();
    let mut office = Office::of(node(&authority), "tls");
    let phones = office.node.rows(&["phones"]);
    assert!(phones.iter().all(|phone| phone["transport"] == "tls"), "{phones:?}");
    let first = shown(&s_client(&office.node, &[], options().as_bytes()));
    office.call("8002");
    office.talk(1);
    // By the files alone, then by the signal.
    authority.renew(&office.node);
    wait_until("the new certificate", Duration::from_secs(20), || {
        shown(&s_client(&office.node, &[], options().as_bytes())) != first
    });
    let second = shown(&s_client(&office.node, &[], options().as_bytes()));
    authority.renew(&office.node);
    let process = Pid::from_raw(office.node.process().try_into().expect("an id"));
    kill(process, Signal::SIGHUP).expect("signalled");
    wait_until("the certificate after it", Duration::from_secs(20), || {
        shown(&s_client(&office.node, &[], options().as_bytes())) != second
    });
    // The call is still there, and its BYE still goes through.
    office.talk(1);
    office.hang_up();
    assert_eq!(office.node.rows(&["phones"]).len(), 2, "the phones keep their connections");
    office.node.stop();
}

/// How long somebody new waits for an answer over TCP.
fn new_client() -> Duration {
    let asked = Instant::now();
    let mut new = TcpStream::connect((PHONES, 5_060)).expect("connected");
    let request = probe::options(new.local_addr().expect("bound"), "TCP");
    new.write_all(request.as_bytes()).expect("sent");
    let whole = |all: &[u8]| all.ends_with(b"\r\n\r\n");
    let (answer, _) = probe::read_stream(&mut new, Duration::from_secs(5), whole);
    assert!(answer.starts_with(b"SIP/2.0 "), "{}", String::from_utf8_lossy(&answer));
    asked.elapsed()
}

#[test]
fn thousands_of_halves_are_closed_and_keep_nobody_out() {
    if !entered() {
        return;
    }
    // Each half is a file to this process.
    let many = Rlimit { current: Some(8_192), maximum: Some(8_192) };
    setrlimit(Resource::Nofile, many).expect("root may");
    let mut node = node(&Authority::new());
    node.serve();
    let half = options().replace("TLS", "TCP").as_bytes()[..60].to_vec();
    for (port, words) in [(5_060, half), (5_061, b"\x16\x03\x01\x02\x00\x01".to_vec())] {
        let began = Instant::now();
        let halves: Vec<TcpStream> = (0..3_000)
            .map(|_| {
                let mut half = TcpStream::connect((PHONES, port)).expect("connected");
                // One that made room already may say no.
                let _ = half.write_all(&words);
                half
            })
            .collect();
        // Half of a score of new clients within the bar: the machine may be busy with something else for a moment.
        let mut waited: Vec<Duration> = (0..20).map(|_| new_client()).collect();
        waited.sort();
        assert!(waited[10] < Duration::from_millis(100), "answered after {waited:?}");
        assert!(s_client(&node, &[], options().as_bytes()).contains("SIP/2.0 "));
        for mut half in halves {
            half.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
            // Closed in order or reset: either way nothing more is held.
            if let Err(error) = half.read_to_end(&mut Vec::new()) {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            }
        }
        assert!(began.elapsed() < Duration::from_secs(15), "closed after {:?}", began.elapsed());
    }
    node.stop();
}
