//! A carrier that is found by name: NAPTR, SRV and addresses of a real DNS server (dnsmasq), in their order past hosts that are gone or silent;
//! and a DNS server that is dead.

use std::fs;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Task};
use crate::talk;
use crate::world::{entered, run, wait_until};

const PLAN: &str = include_str!("plans/trunk.plan");

/// The carrier's working host; before it come one that never answers and a port that nobody listens on.
const FAR: u16 = 5_095;

/// A place where what comes is taken and never answered, not even refused.
fn silence(address: &str) -> UdpSocket {
    UdpSocket::bind(address).expect("a port of this world's own")
}

/// A DNS server that knows `carrier.test`; it ends with the test.
struct Names {
    child: Child,
    _folder: TempDir,
}

impl Names {
    /// Whoever asks the system's DNS in this world asks `server` from now on.
    fn point_to(server: &str) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("resolv.conf");
        fs::write(&file, format!("nameserver {server}\noptions timeout:1 attempts:1\n")).expect("written");
        run("mount", &["--bind", file.to_str().expect("UTF-8"), "/etc/resolv.conf"]);
        folder
    }

    fn start(address: &str) -> Names {
        let folder = tempfile::tempdir().expect("a folder");
        let said = fs::File::create(folder.path().join("said")).expect("a file");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"])
            .args([
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--user=root",
                "--log-queries",
                "--log-facility=-",
            ])
            .args(["--pid-file", "--local=/carrier.test/"])
            .arg(format!("--listen-address={address}"))
            .arg("--naptr-record=carrier.test,20,10,s,SIP+D2T,,_sip._tcp.carrier.test")
            .arg("--naptr-record=carrier.test,10,10,s,SIP+D2U,,_sip._udp.carrier.test")
            .arg(format!("--srv-host=_sip._udp.carrier.test,works.carrier.test,{FAR},30,1"))
            .arg("--srv-host=_sip._udp.carrier.test,gone.carrier.test,5096,20,1")
            .arg("--srv-host=_sip._udp.carrier.test,silent.carrier.test,5094,10,1")
            .args(["--host-record=works.carrier.test,127.0.0.1", "--host-record=gone.carrier.test,127.0.0.1"])
            .arg("--host-record=silent.carrier.test,127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("dnsmasq runs; tests/run installs it");
        Names { child, _folder: folder }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "dnsmasq said:\n{}",
                fs::read_to_string(self._folder.path().join("said")).unwrap_or_default()
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node whose trunk is known by its name, with alice (8001) and bob (8002).
fn node() -> Node {
    let node = talk::node(PLAN);
    let config = fs::read_to_string(node.path("ledgerline.toml")).expect("configuration");
    let trunk = "\n[[trunk]]\nname = \"carrier\"\nto = [\"sip:carrier.test\"]\ncaller_ids = [\"4930100\"]\n\
                 outward = [\"0 -> 49\"]\nask_s = 0\n";
    node.write("ledgerline.toml", (config + trunk).as_bytes());
    node
}

fn state(node: &Node) -> String {
    node.rows(&["trunks"])[0]["state"].as_str().expect("a state").to_string()
}

/// Alice calls the world outside.
fn alice(scenario: Scenario) -> sipp::Sipp {
    let more = ["-m", "1", "-s", "0301234", "-d", "500"];
    sipp::start(Task { over: Over::Udp, user: "alice", port: 5_071, scenario, more: &more })
}

fn a_call_goes_through() {
    let called = Scenario::new().rings().answers().hung_up_on();
    let far =
        sipp::start(Task { over: Over::Udp, user: "far", port: FAR, scenario: called, more: &["-m", "1"] });
    alice(Scenario::new().call().answered().ack().talk().bye()).succeeded();
    far.succeeded();
}

#[test]
fn a_carrier_is_found_by_naptr_and_srv_and_tried_in_their_order() {
    if !entered() {
        return;
    }
    let _silent = silence("127.0.0.1:5094");
    let _pointed = Names::point_to("127.0.0.1");
    let _names = Names::start("127.0.0.1");
    let mut node = node();
    node.serve();
    wait_until("the carrier's places", Duration::from_secs(10), || state(&node) == "up");
    let trunks = node.rows(&["trunks"]);
    let places: Vec<&str> =
        trunks[0]["places"].as_array().into_iter().flatten().filter_map(|place| place.as_str()).collect();
    assert_eq!(places, ["UDP 127.0.0.1:5094 up", "UDP 127.0.0.1:5096 up", "UDP 127.0.0.1:5095 up"]);
    sipp::register(Over::Udp, "alice", 5_071, 3_600);
    let began = Instant::now();
    a_call_goes_through();
    assert!(began.elapsed() >= Duration::from_secs(4), "the silent host was tried first");
    // Both that failed are left for last now.
    let began = Instant::now();
    a_call_goes_through();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    node.stop();
}

#[test]
fn a_dead_dns_server_keeps_nobody_from_calling_and_its_return_is_noticed() {
    if !entered() {
        return;
    }
    let silent = silence("127.0.0.53:53");
    let _pointed = Names::point_to("127.0.0.53");
    let mut node = node();
    node.serve();
    sipp::register(Over::Udp, "alice", 5_071, 3_600);
    sipp::register(Over::Udp, "bob", 5_081, 3_600);
    wait_until("the search to be given up", Duration::from_secs(15), || {
        node.log().contains("none of its hosts can be found")
    });
    assert_eq!(state(&node), "unlocated");
    let began = Instant::now();
    alice(Scenario::new().call().refused(500)).succeeded();
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "refused at once, not after a search: {:?}",
        began.elapsed()
    );
    let called = Scenario::new().rings().answers().hung_up_on();
    let bob =
        sipp::start(Task { over: Over::Udp, user: "bob", port: 5_081, scenario: called, more: &["-m", "1"] });
    let calling = Scenario::new().call().answered().ack().talk().bye();
    let more = ["-m", "1", "-s", "8002", "-d", "500"];
    sipp::run(Task { over: Over::Udp, user: "alice", port: 5_071, scenario: calling, more: &more });
    bob.succeeded();
    // The server comes up where it was looked for.
    drop(silent);
    let _names = Names::start("127.0.0.53");
    wait_until("the carrier's places", Duration::from_secs(60), || state(&node) == "up");
    a_call_goes_through();
    node.stop();
}
