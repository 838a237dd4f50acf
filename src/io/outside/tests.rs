//! Against real servers: one of hyper that behaves, and plain sockets that do not.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::*;
use crate::base::CallId;
use crate::io::tls::tests::Authority;
use crate::plan::{FieldKind, Webhook};

/// The call that asks.
fn call() -> CallId {
    CallId::from_bytes([7; 16])
}

/// What a server of hyper has seen: method, path, head, body.
#[derive(Debug, Clone)]
struct Seen {
    line: String,
    head: BTreeMap<String, String>,
    body: String,
}

/// A server that answers each request with what `answer` says, on a thread of its own.
struct Server {
    at: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

fn server(
    answer: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static,
    tls: Option<rustls::ServerConfig>,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("set");
    let (seen, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let (kept, counted, answer) = (Arc::clone(&seen), Arc::clone(&connections), Arc::new(answer));
    let acceptor = tls.map(|config| tokio_rustls::TlsAcceptor::from(Arc::new(config)));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a loop");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (kept, answer, acceptor) = (kept.clone(), answer.clone(), acceptor.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (kept, answer) = (kept.clone(), answer.clone());
                    async move {
                        let line = format!("{} {}", request.method(), request.uri());
                        let text =
                            |value: &hyper::header::HeaderValue| value.to_str().unwrap_or("?").to_string();
                        let head =
                            request.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
                        let head = head.collect();
                        let body = request.into_body().collect().await.expect("a body").to_bytes();
                        let one = Seen { line, head, body: String::from_utf8_lossy(&body).into_owned() };
                        let (status, text) = answer(&one);
                        kept.lock().expect("unpoisoned").push(one);
                        let response =
                            Response::builder().status(status).header("location", "http://evil.example/");
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).expect("whole"))
                    }
                });
                tokio::spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    match acceptor {
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            drop(http.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                });
            }
        });
    });
    Server { at, seen, connections }
}

/// A server that does with each connection what `act` says.
fn rude(act: impl Fn(std::net::TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = listener.local_addr().expect("bound");
    let act = Arc::new(act);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let act = act.clone();
            std::thread::spawn(move || act(stream, number));
        }
    });
    at
}

/// Reads the head of a request.
fn head(stream: &mut std::net::TcpStream) {
    let (mut seen, mut octet) = (Vec::new(), [0]);
    while !seen.ends_with(b"\r\n\r\n") && stream.read(&mut octet).is_ok_and(|read| read == 1) {
        seen.push(octet[0]);
    }
}

struct House {
    folder: tempfile::TempDir,
    outside: Option<Outside>,
    found: mpsc::Receiver<Answered>,
    outdoors: Option<Outdoors>,
}

fn house(config: &str) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    house_in(folder, config)
}

fn house_in(folder: tempfile::TempDir, config: &str) -> House {
    let config = crate::config::check(&folder.path().join("ledgerline.toml"), config).expect("checked");
    std::fs::create_dir_all(&config.store.folder).expect("made");
    let mut keys = Keyring::new();
    keys.insert(1, Secret::new([1; 32]));
    let (outside, found, outdoors) = Outside::start(&config, Arc::new(keys)).expect("started");
    House { folder, outside: Some(outside), found, outdoors: Some(outdoors) }
}

impl House {
    fn outside(&self) -> &Outside {
        self.outside.as_ref().expect("open")
    }

    fn ask(&mut self, lookup: &Lookup, values: Vec<Value>) -> Answered {
        let question = Question { call: call(), number: 3, lookup: Arc::new(lookup.clone()), values };
        assert!(self.outside().ask(question));
        let answered = self.found.blocking_recv().expect("an answer");
        assert_eq!((answered.call, answered.number), (call(), 3));
        answered
    }

    fn close(&mut self) {
        if let (Some(outdoors), Some(outside)) = (self.outdoors.take(), self.outside.take()) {
            outdoors.close(outside);
        }
    }
}

fn lookup(url: &str, method: Method, timeout_ms: u64) -> Lookup {
    Lookup {
        name: "customer".into(),
        method,
        url: url.into(),
        timeout: Duration::from_millis(timeout_ms),
        takes: vec![("phone".into(), FieldKind::Text)],
        yields: vec![("owes".into(), FieldKind::Int)],
    }
}

fn phone() -> Vec<Value> {
    vec![Value::Text(Masked::new("13812345678"))]
}

#[test]
fn a_question_is_answered_over_one_connection() {
    let server = server(|_| (200, r#"{"owes": 7, "idcard": "110105199001011234"}"#.into()), None);
    let mut house = house("");
    let asked = lookup(&format!("http://{}/v1/客户?x=1", server.at), Method::Get, 5_000);
    for _ in 0..20 {
        assert_eq!(house.ask(&asked, phone()).answer.expect("found")[..], [Value::Int(7)]);
        // The server's last word on a connection is not always there before the next question.
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(server.connections.load(Ordering::SeqCst) <= 3, "connections are used again");
    let seen = server.seen.lock().expect("unpoisoned")[0].clone();
    assert_eq!(seen.line, "GET /v1/%E5%AE%A2%E6%88%B7?x=1&phone=13812345678");
    assert!(seen.head["user-agent"].starts_with("ledgerline/") && !seen.head.contains_key("authorization"));
    let post = lookup(&format!("http://{}/", server.at), Method::Post, 5_000);
    house.ask(&post, phone()).answer.expect("found");
    let seen = server.seen.lock().expect("unpoisoned").pop().expect("one");
    assert_eq!(
        (seen.body.as_str(), seen.head["content-type"].as_str()),
        (r#"{"phone":"13812345678"}"#, "application/json")
    );
}

/// Each of them takes the `else`, says why without a value, and in time.
#[test]
fn servers_that_misbehave_take_the_else_in_time() {
    let statuses = server(
        |seen| match seen.line.as_str() {
            line if line.contains("/missing") => (404, "{}".into()),
            line if line.contains("/moved") => (302, "{}".into()),
            line if line.contains("/wrong") => (200, r#"{"owes":"much"}"#.into()),
            line if line.contains("/list") => (200, "[1]".into()),
            line if line.contains("/huge") => (200, format!(r#"{{"owes":1,"x":"{}"}}"#, "x".repeat(100_000))),
            _ => (200, "not JSON 13812345678".into()),
        },
        None,
    );
    let closing = rude(|_, _| ());
    let silent = rude(|mut stream, _| {
        head(&mut stream);
        std::thread::sleep(Duration::from_secs(30));
    });
    let dripping = rude(|mut stream, _| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let babble = rude(|mut stream, _| {
        head(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    let cut = rude(|mut stream, _| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"owes\":1}");
    });
    let endless_head = rude(|mut stream, _| {
        head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
    });
    let nobody = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    let mut house = house("");
    let at = |path: &str| format!("http://{}/{path}", statuses.at);
    for (url, ended, why) in [
        (at("missing"), Ended::Failed, "answers 404"),
        (at("moved"), Ended::Failed, "redirects (302)"),
        (at("wrong"), Ended::Failed, "field `owes`"),
        (at("list"), Ended::Failed, "not a JSON object"),
        (at("huge"), Ended::Failed, "longer than 65536"),
        (at("other"), Ended::Failed, "not a JSON object"),
        (format!("http://{closing}/"), Ended::Failed, "broke off"),
        (format!("http://{silent}/"), Ended::Timeout, "no answer in time"),
        (format!("http://{dripping}/"), Ended::Timeout, "no answer in time"),
        (format!("http://{babble}/"), Ended::Failed, "broke off"),
        (format!("http://{cut}/"), Ended::Failed, "broke off"),
        (format!("http://{endless_head}/"), Ended::Failed, "broke off"),
        (format!("http://{nobody}/"), Ended::Failed, "no connection"),
        ("http://no-such-host.invalid/".to_string(), Ended::Failed, "not found"),
        ("ftp://x/".to_string(), Ended::Failed, "none that can be asked"),
    ] {
        let began = Instant::now();
        let answered = house.ask(&lookup(&url, Method::Get, 1_500), phone());
        let said = answered.why.expect("a reason");
        let is_name = url.contains("invalid");
        assert!(answered.answer == Err(ended) || is_name, "{url}: {:?}", answered.answer);
        assert!(said.contains(why) || is_name, "{url}: {said}");
        assert!(!said.contains("13812345678"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(6), "{url}: {:?}", began.elapsed());
    }
}

/// A slow server holds up its own questions; those to others pass it by.
#[test]
fn a_slow_server_holds_up_nobody_else() {
    let silent = rude(|mut stream, _| {
        head(&mut stream);
        std::thread::sleep(Duration::from_secs(30));
    });
    let server = server(|_| (200, r#"{"owes":1}"#.into()), None);
    let mut house = house("");
    let slow = lookup(&format!("http://{silent}/"), Method::Get, 20_000);
    for number in 0..3 * bounds::OUTSIDE_PER_HOST as u32 {
        let question = Question { call: call(), number, lookup: Arc::new(slow.clone()), values: phone() };
        assert!(house.outside().ask(question));
    }
    let quick = lookup(&format!("http://{}/", server.at), Method::Get, 5_000);
    let question = Question { call: call(), number: 9_999, lookup: Arc::new(quick), values: phone() };
    assert!(house.outside().ask(question));
    let first = house.found.blocking_recv().expect("an answer");
    assert_eq!((first.number, first.answer.is_ok()), (9_999, true));
}

/// A connection that the server closed while nobody used it costs nobody an answer; what may have been done is not done twice.
#[test]
fn a_connection_that_went_stale_is_replaced() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let closing = rude(move |mut stream, _| {
        head(&mut stream);
        counted.fetch_add(1, Ordering::SeqCst);
        // It says that it stays, and goes.
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: keep-alive\r\n\r\n{\"owes\":2}",
        );
        std::thread::sleep(Duration::from_millis(20));
    });
    let mut house = house("");
    let asked = lookup(&format!("http://{closing}/"), Method::Get, 5_000);
    for _ in 0..10 {
        assert_eq!(house.ask(&asked, phone()).answer.expect("found")[..], [Value::Int(2)]);
    }
    assert_eq!(requests.load(Ordering::SeqCst), 10);
}

/// What was sent over a kept connection and may have been done is not sent again; a question that changes nothing is.
#[test]
fn what_may_have_been_done_is_not_done_twice() {
    for (method, heard, is_answered) in [(Method::Post, 2, false), (Method::Get, 3, true)] {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let forgetful = rude(move |mut stream, _| {
            // The second request of the first connection is taken, and the connection ends.
            for _ in 0..2 {
                head(&mut stream);
                if counted.fetch_add(1, Ordering::SeqCst) != 1 {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"owes\":2}");
                } else {
                    return;
                }
            }
        });
        let mut house = house("");
        let mut asked = lookup(&format!("http://{forgetful}/"), method, 5_000);
        asked.takes.clear();
        assert!(house.ask(&asked, Vec::new()).answer.is_ok());
        assert_eq!(house.ask(&asked, Vec::new()).answer.is_ok(), is_answered, "{method:?}");
        assert_eq!(requests.load(Ordering::SeqCst), heard, "{method:?}");
    }
}

/// A secret goes to nobody in clear, whether or not a token would go with it.
#[test]
fn a_secret_alone_leaves_under_tls_only() {
    let server = server(|_| (200, r#"{"owes":1}"#.into()), None);
    let mut pin = lookup(&format!("http://{}/pin", server.at), Method::Post, 5_000);
    pin.takes = vec![("pin".into(), FieldKind::Secret)];
    let mut house = house("");
    let answered = house.ask(&pin, vec![Value::Secret(crate::plan::Pin::new("246813".into()))]);
    assert!(answered.why.expect("a reason").contains("in clear"));
    assert!(server.seen.lock().expect("unpoisoned").is_empty());
}

/// After some failures nobody waits any more; when the server is back, it is asked again and the alarm ends.
#[test]
fn a_dead_server_is_left_alone_with_an_alarm() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = listener.local_addr().expect("bound");
    drop(listener);
    let mut house = house("");
    let asked = lookup(&format!("http://{at}/"), Method::Get, 5_000);
    for _ in 0..bounds::OUTSIDE_FAILURES {
        assert!(house.ask(&asked, phone()).why.expect("a reason").contains("no connection"));
    }
    assert!(house.ask(&asked, phone()).why.expect("a reason").contains("left alone"));
    let alarms = house.outside().alarms();
    assert!(alarms.len() == 1 && alarms[0].contains(&at.to_string()), "{alarms:?}");
    let back = TcpListener::bind(at).expect("bound again");
    std::thread::spawn(move || {
        for mut stream in back.incoming().flatten() {
            head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"owes\":1}");
        }
    });
    let until = Instant::now() + 3 * bounds::OUTSIDE_REST;
    while house.ask(&asked, phone()).answer.is_err() {
        assert!(Instant::now() < until, "it is back");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(house.outside().alarms().is_empty());
}

fn write_pem(folder: &Path, name: &str, text: &str) -> String {
    std::fs::write(folder.join(name), text).expect("written");
    format!("\"{name}\"")
}

/// Under TLS with a certificate that is believed: the token and the secret leave, and the node shows its own certificate. Under a
/// certificate that is not believed, or in clear, neither leaves.
#[test]
fn a_secret_and_a_token_leave_under_tls_only() {
    let (authority, stranger) = (Authority::new("the site's"), Authority::new("somebody's"));
    let (certificate, key) = authority.issue(&["localhost"]);
    let (client, client_key) = authority.issue(&["node"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let mut known = RootCertStore::empty();
    known.add(der(&authority.pem())).expect("added");
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(known.into(), provider.clone());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("built"))
        .with_single_cert(vec![der(&certificate)], key)
        .expect("a pair");
    let server = server(|_| (200, r#"{"owes":1}"#.into()), Some(tls));
    let url = format!("https://localhost:{}/pin", server.at.port());
    let mut pin = lookup(&url, Method::Post, 5_000);
    pin.takes = vec![("pin".into(), FieldKind::Secret)];
    let secret = || vec![Value::Secret(crate::plan::Pin::new("246813".into()))];
    for (trusted, believed) in [(&authority, true), (&stranger, false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let trust = write_pem(folder.path(), "trust.pem", &trusted.pem());
        let certificate = write_pem(folder.path(), "node.crt", &client);
        let own = write_pem(folder.path(), "node.key", &client_key);
        let config = format!(
            "[outside]\ntrust = {trust}\ncertificate = {certificate}\nkey = {own}\nbearer.localhost = \"crm\"\n"
        );
        let mut house = house_in(folder, &config);
        house.outside().refresh(&Named::from([("crm".to_string(), Secret::new("t0ken".to_string()))]));
        let answered = house.ask(&pin, secret());
        assert_eq!(answered.answer.is_ok(), believed, "{answered:?}");
        if believed {
            let seen = server.seen.lock().expect("unpoisoned").pop().expect("one");
            assert_eq!(
                (seen.body.as_str(), seen.head["authorization"].as_str()),
                (r#"{"pin":"246813"}"#, "Bearer t0ken")
            );
            // The same host in clear.
            let mut clear = pin.clone();
            clear.url = url.replace("https", "http").into();
            for values in [secret(), phone()] {
                let why = house.ask(&clear, values).why.expect("a reason");
                assert!(why.contains("in clear"), "{why}");
            }
        }
        assert!(server.seen.lock().expect("unpoisoned").is_empty());
        house.close();
    }
}

fn notice(at: SocketAddr, text: &str, clear: bool) -> Notice {
    Notice {
        call: call(),
        at: crate::io::clock::wall(),
        webhook: Arc::new(Webhook { name: "crm".into(), url: format!("http://{at}/events").into() }),
        text: Some(text.into()),
        caller: Masked::new("13812345678"),
        dialled: Masked::new("95599"),
        clear,
    }
}

fn await_that(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// WORD-08: a letter that was not taken is told again with the same name, until it is; what the receiver refuses for good is dropped.
#[test]
fn a_letter_is_told_until_it_is_taken() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let server = server(
        move |seen| match (seen.body.contains("bad"), counted.fetch_add(1, Ordering::SeqCst)) {
            (true, _) => (400, String::new()),
            (_, 0) => (503, String::new()),
            _ => (204, String::new()),
        },
        None,
    );
    let house = house("[outside]\nsign.\"127.0.0.1\" = \"crm-sign\"\n");
    house.outside().refresh(&Named::from([("crm-sign".to_string(), Secret::new("key".to_string()))]));
    assert!(house.outside().tell(notice(server.at, "tag \"还不上\"", false)));
    let count = || server.seen.lock().expect("unpoisoned").len();
    await_that("it is told twice", || count() == 2);
    assert!(house.outside().tell(notice(server.at, "bad", true)));
    await_that("it is told once", || count() == 3);
    let seen = server.seen.lock().expect("unpoisoned").clone();
    assert_eq!(seen[0].head["idempotency-key"], seen[1].head["idempotency-key"]);
    assert_eq!(seen[0].body, seen[1].body);
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).expect("JSON");
    assert_eq!((&body["caller"], &body["text"]), (&"138****5678".into(), &"tag \"还不上\"".into()));
    assert_eq!((&body["webhook"], &body["call"]), (&"crm".into(), &call().to_string().into()));
    let key = Secret::new("key".to_string());
    assert_eq!(seen[0].head["ledgerline-signature"], signature(&key, seen[0].body.as_bytes()));
    let body: serde_json::Value = serde_json::from_str(&seen[2].body).expect("JSON");
    assert_eq!(body["caller"], "13812345678", "a policy names this host");
    await_that("nothing waits", || house.outside().shared.outbox.waiting().is_empty());
    assert_eq!(count(), 3, "what is refused for good is not told again");
}

/// RFC 4231, test case 2: what receivers compute with any library.
#[test]
fn the_signature_is_hmac_sha_256() {
    assert_eq!(
        signature(&Secret::new("Jefe".into()), b"what do ya want for nothing?"),
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

/// A letter outlives the node.
#[test]
fn a_letter_outlives_the_node() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let at = listener.local_addr().expect("bound");
    drop(listener);
    let mut first = house("");
    assert!(first.outside().tell(notice(at, "later", false)));
    first.close();
    let folder = std::mem::replace(&mut first.folder, tempfile::tempdir().expect("another"));
    let (told, heard) = std::sync::mpsc::channel();
    let listener = TcpListener::bind(at).expect("bound again");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            let _ = told.send(());
        }
    });
    let mut second = house_in(folder, "");
    heard.recv_timeout(Duration::from_secs(10)).expect("told after the restart");
    await_that("nothing waits", || second.outside().shared.outbox.waiting().is_empty());
    second.close();
}
