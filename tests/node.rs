//! A node as a process: what it listens on, whom it answers, whom it refuses, how it ends.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A folder with a node, and the node if it runs.
struct Node {
    outer: tempfile::TempDir,
    process: Option<Child>,
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ledgerline"))
}

impl Node {
    /// A new node that listens on `listen`.
    fn new(listen: &str) -> Node {
        let outer = tempfile::tempdir().expect("a folder");
        let node = Node { outer, process: None };
        let made = program().arg("init").arg(node.folder()).output().expect("runs");
        assert!(made.status.success(), "{made:?}");
        let text = fs::read_to_string(node.config()).expect("text");
        let written = text.lines().find(|line| line.starts_with("listen = ")).expect("a line");
        let text = text.replace(written, &format!("listen = {listen}"));
        fs::write(node.config(), text).expect("written");
        node
    }

    fn folder(&self) -> PathBuf {
        self.outer.path().join("node")
    }

    fn config(&self) -> PathBuf {
        self.folder().join("ledgerline.toml")
    }

    fn run(&self, args: &[&str]) -> Output {
        program().arg("--config").arg(self.config()).args(args).output().expect("runs")
    }

    /// Starts the node; returns the addresses that its log says it listens on.
    fn start(&mut self) -> Vec<String> {
        let mut child = program()
            .arg("--config")
            .arg(self.config())
            .arg("serve")
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut listening = Vec::new();
        while !self.folder().join("admin.sock").exists() || listening.len() < self.listeners() {
            let line = lines.next().expect("still running").expect("a line");
            listening.extend(line.split_once("listen=").map(|(_, address)| address.to_string()));
        }
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(child);
        listening
    }

    fn listeners(&self) -> usize {
        fs::read_to_string(self.config()).expect("text").matches("://").count()
    }

    fn pid(&self) -> u32 {
        self.process.as_ref().expect("runs").id()
    }

    /// Sends SIGTERM and waits for the end.
    fn stop(&mut self) -> Duration {
        let began = Instant::now();
        let mut child = self.process.take().expect("runs");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
        assert!(child.wait().expect("ends").success());
        began.elapsed()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const ALL: &str = r#"["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "udp://[::1]:0", "tcp://[::1]:0"]"#;

fn options(transport: &str, local: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{local} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bKnode;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:test@{local}>;tag=1\r\nTo: <sip:{local}>\r\nCall-ID: {transport}-{local}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// The answer to an OPTIONS over `listen` (`udp://ADDRESS`, `tcp://ADDRESS`).
fn asked(listen: &str) -> String {
    let (scheme, address) = listen.split_once("://").expect("a scheme");
    let address: SocketAddr = address.parse().expect("an address");
    let mut buffer = [0; 4_096];
    let len = if scheme == "udp" {
        let socket = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).expect("bound");
        socket.connect(address).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        socket.send(options("UDP", socket.local_addr().expect("bound")).as_bytes()).expect("sent");
        socket.recv(&mut buffer)
    } else {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        let request = options("TCP", stream.local_addr().expect("bound"));
        stream.write_all(request.as_bytes()).expect("sent");
        stream.read(&mut buffer)
    };
    String::from_utf8_lossy(&buffer[..len.expect("an answer")]).into_owned()
}

/// RFC 5626 §4.4.2: a STUN Binding request on the SIP port.
#[test]
fn a_keep_alive_is_answered_and_never_at_greater_length_to_strangers() {
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    let listening = node.start();
    let (_, address) = listening[0].split_once("://").expect("a scheme");
    let phone = UdpSocket::bind("127.0.0.1:0").expect("bound");
    phone.connect(address).expect("connected");
    phone.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    let bare = b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!";
    let with_software = b"\x00\x01\x00\x10\x21\x12\xa4\x42transaction?\x80\x22\x00\x0cphone-1.2.3 ";
    // The first would be answered with more than it is, so it is not; the second comes back as the first answer.
    for request in [&bare[..], with_software] {
        phone.send(request).expect("sent");
    }
    let mut answer = [0; 100];
    let len = phone.recv(&mut answer).expect("an answer");
    assert_eq!((&answer[..2], &answer[8..20], len), (&b"\x01\x01"[..], &b"transaction?"[..], 32));
    let port = phone.local_addr().expect("bound").port() ^ 0x2112;
    assert_eq!(answer[26..28], port.to_be_bytes(), "the port that it is seen at");
    node.stop();
}

#[test]
fn every_listener_answers_and_nothing_else_listens() {
    let mut node = Node::new(ALL);
    let listening = node.start();
    assert_eq!(listening.len(), 4);
    for listen in &listening {
        let answer = asked(listen);
        assert!(answer.starts_with("SIP/2.0 "), "{listen}: {answer}");
    }
    match sockets_of(node.pid()) {
        Some(sockets) => assert_eq!(sockets, listening.into_iter().collect::<BTreeSet<_>>()),
        None => eprintln!("not root: another process's sockets cannot be listed"),
    }
    assert!(node.stop() < Duration::from_secs(3));
    assert!(!node.folder().join("admin.sock").exists());
}

/// The Internet sockets on which a process hears anybody: bound UDP, listening TCP. `None` without the right to look.
fn sockets_of(pid: u32) -> Option<BTreeSet<String>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let inodes: BTreeSet<String> = entries
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_string()))
        .collect();
    let mut found = BTreeSet::new();
    for (table, scheme) in
        [("udp", "udp"), ("udp6", "udp"), ("tcp", "tcp"), ("tcp6", "tcp"), ("raw", "raw"), ("raw6", "raw")]
    {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let hears = scheme != "tcp" || fields[3] == "0A";
            if hears && inodes.contains(fields[9]) {
                found.insert(format!("{scheme}://{}", address(fields[1])));
            }
        }
    }
    Some(found)
}

/// An address as /proc/net writes it: words of four octets in the machine's order.
fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').expect("a port");
    let port = u16::from_str_radix(port, 16).expect("hexadecimal");
    let octets: Vec<u8> = (0..ip.len() / 8)
        .flat_map(|word| {
            u32::from_str_radix(&ip[word * 8..word * 8 + 8], 16).expect("hexadecimal").to_ne_bytes()
        })
        .collect();
    match <[u8; 16]>::try_from(octets.as_slice()) {
        Ok(six) => SocketAddr::new(six.into(), port),
        Err(_) => SocketAddr::new(<[u8; 4]>::try_from(octets.as_slice()).expect("four octets").into(), port),
    }
}

#[test]
fn accounts_are_managed_on_a_running_and_on_a_stopped_node() {
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    let add = |node: &Node, name: &str, number: &str| {
        let output = node.run(&["user", "add", name, "--number", number, "--json"]);
        (serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default(), output.status.code())
    };
    let (alice, code) = add(&node, "alice", "8001");
    assert_eq!(code, Some(0));
    node.start();
    let (bob, code) = add(&node, "bob", "8002");
    assert_eq!(code, Some(0));
    assert_ne!(alice["password"], bob["password"]);
    assert_eq!(add(&node, "carol", "8001").1, Some(4), "a number belongs to one");
    let status: Value = serde_json::from_slice(&node.run(&["status", "--json"]).stdout).expect("JSON");
    assert_eq!(status["users"], 2);
    node.stop();
    let users: Value = serde_json::from_slice(&node.run(&["user", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(users.as_array().expect("a list").len(), 2);
    let words = [&alice, &bob].map(|user| user["password"].as_str().expect("told once").to_string());
    for file in files(&node.folder()) {
        // What an operator wrote into a plan is as plain there as in the texts that the node keeps of its programs.
        let is_plan = file.extension().is_some_and(|extension| extension == "plan")
            || file.parent().is_some_and(|folder| folder.ends_with("store/plans"));
        let octets = fs::read(&file).expect("octets");
        for clear in [&words[0], &words[1], "alice", "8001"] {
            let found = memchr::memmem::find(&octets, clear.as_bytes()).is_some();
            assert!(
                !found || (is_plan && !words.iter().any(|word| word == clear)),
                "{} holds {clear}",
                file.display()
            );
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn exit_codes_say_what_is_the_matter() {
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    for (args, code) in [
        (&["status"][..], 3),
        (&["phones"], 3),
        (&["plan", "reload"], 3),
        (&["user", "remove", "nobody"], 1),
        (&["user", "add", "a b"], 2),
        (&["no-such-verb"], 2),
        (&["init", "/"], 4),
        (&["plan", "check"], 0),
        (&["rec", "search"], 0),
        (&["rec", "show", "r-01J00000000000000000000000"], 1),
    ] {
        let output = node.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
    }
    node.start();
    for (args, code) in [
        (&["status"][..], 0),
        (&["phones"], 0),
        (&["calls"], 0),
        (&["plan", "reload"], 0),
        (&["call", "hangup", "c-01J00000000000000000000000"], 1),
        (&["rec", "verify"], 0),
        (&["serve"], 1),
    ] {
        let output = node.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
    }
}

#[test]
fn a_plan_with_errors_changes_nothing_and_says_where() {
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    node.start();
    let program = |node: &Node| -> Value {
        serde_json::from_slice::<Value>(&node.run(&["status", "--json"]).stdout).expect("JSON")["program"]
            .take()
    };
    let before = program(&node);
    let plan = node.folder().join("dialplans/hello.plan");
    let text = fs::read_to_string(&plan).expect("text");
    fs::write(&plan, text.replace("-> 热线", "-> 无此流程")).expect("written");
    let refused = node.run(&["plan", "reload"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("hello.plan:"), "{refused:?}");
    assert_eq!(program(&node), before);
    fs::write(&plan, text.replace("wait 6s", "wait 7s")).expect("written");
    assert_eq!(node.run(&["plan", "reload"]).status.code(), Some(0));
    assert_ne!(program(&node), before);
}

#[test]
fn a_plan_that_names_what_is_not_configured_is_not_taken() {
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    node.start();
    let plan = node.folder().join("dialplans/hello.plan");
    let text = fs::read_to_string(&plan).expect("text");
    let line = "\nroute \"0.\" from users -> dial trunk carier number {callee}\n";
    fs::write(&plan, format!("{text}{line}")).expect("written");
    let file = plan.to_str().expect("a path");
    assert_eq!(program().args(["plan", "check", file]).output().expect("runs").status.code(), Some(0));
    assert_eq!(node.run(&["plan", "check", file]).status.code(), Some(1));
    assert_eq!(node.run(&["plan", "check"]).status.code(), Some(1));
    let refused = node.run(&["plan", "reload"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("P0211"), "{refused:?}");
}

/// Only root can be somebody else for a moment.
#[test]
fn another_user_is_refused_even_where_the_socket_is_open_to_all() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("not root: nobody else can be played");
    }
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    // A socket and a configuration that everybody reaches.
    let open = tempfile::tempdir().expect("a folder");
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let socket = open.path().join("admin.sock");
    let text = fs::read_to_string(node.config()).expect("text");
    let text = text.replace("\"admin.sock\"", &format!("{socket:?}"));
    fs::write(node.config(), &text).expect("written");
    let config = open.path().join("ledgerline.toml");
    fs::write(&config, &text).expect("written");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).expect("set");
    fs::write(node.folder().join("admin.sock"), "").expect("written");
    node.start();
    let nobody = || {
        let copy = open.path().join("ledgerline");
        fs::copy(env!("CARGO_BIN_EXE_ledgerline"), &copy).expect("copied");
        Command::new(copy)
            .arg("--config")
            .arg(&config)
            .arg("status")
            .uid(65_534)
            .gid(65_534)
            .output()
            .expect("runs")
    };
    let closed = nobody();
    assert_eq!(closed.status.code(), Some(4), "{closed:?}");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).expect("set");
    let refused = nobody();
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("only root"), "{refused:?}");
}

/// A phone of one socket: it registers with MD5 and answers every OPTIONS.
struct Phone {
    socket: UdpSocket,
    switch: SocketAddr,
}

impl Phone {
    fn new(switch: SocketAddr) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        Phone { socket, switch }
    }

    /// Says a REGISTER and returns the answer.
    fn register(&self, password: &str, realm: &str) -> String {
        let first = self.ask(1, "");
        let nonce =
            first.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("challenged");
        let secret = ledgerline::base::Secret::new(password.to_string());
        let ha1 =
            ledgerline::registrar::Ha1::of(ledgerline::registrar::Algorithm::Md5, "bob", realm, &secret);
        let proof = ledgerline::registrar::Proof {
            nonce: nonce.as_bytes(),
            qop: Some((b"00000001", b"c")),
            method: b"REGISTER",
            uri: b"sip:pbx",
        };
        let response = String::from_utf8(proof.response(&ha1)).expect("ASCII");
        self.ask(
            2,
            &format!(
                "Authorization: Digest username=\"bob\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"sip:pbx\", \
                 response=\"{response}\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\r\n"
            ),
        )
    }

    fn ask(&self, cseq: u32, proof: &str) -> String {
        let own = self.socket.local_addr().expect("bound");
        let text = format!(
            "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@pbx>;tag=1\r\nTo: <sip:bob@pbx>\r\nCall-ID: r-{own}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:bob@{own}>\r\nUser-Agent: Desk 3\r\n{proof}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(text.as_bytes(), self.switch).expect("sent");
        self.hear()
    }

    fn hear(&self) -> String {
        let mut buffer = [0; 4_096];
        let len = self.socket.recv(&mut buffer).expect("a message in time");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    /// Answers the next OPTIONS.
    fn answer_options(&self) {
        let heard = self.hear();
        assert!(heard.starts_with("OPTIONS "), "{heard}");
        let copied = heard.lines().filter(|line| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        });
        let copied: String = copied.map(|line| format!("{}\r\n", line.trim_end())).collect();
        let answer = format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n");
        self.socket.send_to(answer.as_bytes(), self.switch).expect("sent");
    }
}

/// `phones show bob` as JSON, once `is` holds of its first contact.
fn shown(node: &Node, is: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let shown = node.run(&["phones", "show", "bob", "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        let first = shown.get(0).cloned().unwrap_or(Value::Null);
        if is(&first) {
            return first;
        }
        assert!(Instant::now() < until, "{shown}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_registration_survives_kill_9_and_shows_its_round_trip() {
    let mut node = Node::new(r#"["udp://127.0.0.1:0"]"#);
    let made = node.run(&["user", "add", "bob", "--number", "8002", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let (password, realm) = (made["password"].as_str().expect("one"), made["realm"].as_str().expect("one"));
    let listening = node.start().remove(0);
    // The next run is to listen where this one did.
    let text = fs::read_to_string(node.config()).expect("text").replace("udp://127.0.0.1:0", &listening);
    fs::write(node.config(), text).expect("written");
    let phone = Phone::new(listening.trim_start_matches("udp://").parse().expect("an address"));
    let answer = phone.register(password, realm);
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    phone.answer_options();
    let before = shown(&node, |first| first["state"] == "answers");
    assert!(before["round_trip_ms"].as_f64().is_some_and(|ms| ms < 5_000.0), "{before}");
    assert_eq!((before["agent"].as_str(), before["transport"].as_str()), (Some("Desk 3"), Some("udp")));
    let kept = node.folder().join("store/registrations.sealed");
    let until = Instant::now() + Duration::from_secs(10);
    while !kept.exists() {
        assert!(Instant::now() < until, "not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut child = node.process.take().expect("runs");
    child.kill().expect("killed");
    child.wait().expect("gone");
    fs::remove_file(node.folder().join("admin.sock")).expect("left behind");
    node.start();
    let after = shown(&node, |first| first["agent"] == "Desk 3");
    assert_eq!(after["source"], before["source"]);
    assert!(after["expires_s"].as_u64() <= before["expires_s"].as_u64());
    node.stop();
}
