//! Kamailio as a carrier: it wants a registration and a proof of every call, and passes calls on to a phone of its own.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::node::Node;
use crate::scenario::Scenario;
use crate::sipp::{self, Over, Task};
use crate::talk;
use crate::world::{entered, wait_until};

const PLAN: &str = include_str!("plans/trunk.plan");

/// Where Kamailio listens, and the phone behind it.
const CARRIER: u16 = 5_090;
const FAR: u16 = 5_095;
/// Where nobody listens: the carrier's first host.
const GONE: u16 = 5_089;

const SECRET: &str = "open-sesame-9";

/// A running Kamailio; it ends with the test.
struct Carrier {
    child: Child,
    _folder: TempDir,
}

impl Carrier {
    fn start() -> Carrier {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("kamailio.cfg");
        fs::write(&config, configuration()).expect("written");
        let said = fs::File::create(folder.path().join("said")).expect("a file");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "kamailio", "-DD", "-E", "-m", "16", "-M", "8", "-f"])
            .arg(&config)
            .args(["-P"])
            .arg(folder.path().join("pid"))
            .args(["-Y"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said)
            .spawn()
            .expect("kamailio runs; tests/run installs it");
        Carrier { child, _folder: folder }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = fs::read_to_string(self._folder.path().join("said")).unwrap_or_default();
            eprintln!("kamailio said:\n{said}");
        }
        // The main process takes its children along when it is asked to end.
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().expect("an id"));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

fn configuration() -> String {
    format!(
        r#"
children=1
debug=1
log_stderror=yes
listen=udp:127.0.0.1:{CARRIER}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "auth.so"
request_route {{
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("carrier.example", "{SECRET}", "0")) {{ auth_challenge("carrier.example", "0"); exit; }}
        append_to_reply("Contact: $hdr(Contact);expires=600\r\n");
        sl_send_reply("200", "OK");
        exit;
    }}
    if (has_totag()) {{
        if (is_method("ACK") && !t_check_trans() && !loose_route()) exit;
        if (!is_method("ACK")) loose_route();
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{ t_relay(); exit; }}
    if (is_method("INVITE")) {{
        if (!pv_proxy_authenticate("carrier.example", "{SECRET}", "0")) {{ proxy_challenge("carrier.example", "0"); exit; }}
        if ($fU != "4930100" || $rU != "49301234") {{ sl_send_reply("403", "Not Your Number"); exit; }}
        record_route();
        $ru = "sip:" + $rU + "@127.0.0.1:{FAR}";
        t_relay();
        exit;
    }}
    sl_send_reply("405", "Method Not Allowed");
}}
"#
    )
}

/// A carrier that knows us by our address calls in: the number that it dials is put into the plan's form.
#[test]
fn a_carrier_by_address_reaches_a_user_and_a_stranger_does_not() {
    if !entered() {
        return;
    }
    let node = talk::node(PLAN);
    let config = node.path("ledgerline.toml");
    let text = fs::read_to_string(&config).expect("configuration");
    let trunk = format!(
        "\n[[trunk]]\nname = \"carrier\"\nto = [\"sip:127.0.0.1:{FAR}\"]\ncaller_ids = [\"4930100\"]\n\
         inward = [\"+49 -> \"]\nask_s = 0\n"
    );
    fs::write(config, text + &trunk).expect("written");
    let mut node = node;
    node.serve();
    sipp::register(Over::Udp, "bob", 5_072, 3_600);
    wait_until("the trunk", Duration::from_secs(10), || node.rows(&["trunks"])[0]["state"] == "up");
    let called = Scenario::new().rings().answers().hung_up_on();
    let bob =
        sipp::start(Task { over: Over::Udp, user: "bob", port: 5_072, scenario: called, more: &["-m", "1"] });
    let calling = || Scenario::new().call_unasked();
    let more = ["-m", "1", "-s", "+4995599", "-d", "1000"];
    let whole = calling().answered().ack().talk().bye();
    sipp::start(Task { over: Over::Udp, user: "someone", port: FAR, scenario: whole, more: &more })
        .succeeded();
    bob.succeeded();
    // The same from another port of the machine is a stranger's, and the carrier itself reaches no route of the users.
    for (port, number, status) in [(5_073, "+4995599", 401), (FAR, "8002", 404)] {
        let refused = calling().refused(status);
        let more = ["-m", "1", "-s", number];
        sipp::start(Task { over: Over::Udp, user: "someone", port, scenario: refused, more: &more })
            .succeeded();
    }
    node.stop();
}

/// A node with the carrier as its trunk, and alice (8001) registered.
fn node() -> Node {
    let node = talk::node(PLAN);
    let config = node.path("ledgerline.toml");
    let text = fs::read_to_string(&config).expect("configuration");
    let trunk = format!(
        r#"
[[trunk]]
name = "carrier"
to = ["sip:127.0.0.1:{GONE}", "sip:127.0.0.1:{CARRIER}"]
register_s = 600
user = "u-1"
realm = "carrier.example"
secret = "carrier"
caller_ids = ["4930100"]
outward = ["0 -> 49"]
ask_s = 5
"#
    );
    fs::write(config, text + &trunk).expect("written");
    node
}

/// Seals the carrier's secret.
fn set_secret(node: &Node, secret: &str) {
    let mut set = node
        .start(&["secret", "set", "carrier"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    writeln!(set.stdin.take().expect("a pipe"), "{secret}").expect("told");
    assert!(set.wait().expect("ends").success());
}

#[test]
fn a_carrier_is_registered_with_and_called_past_its_host_that_is_gone() {
    if !entered() {
        return;
    }
    let _carrier = Carrier::start();
    let mut node = node();
    set_secret(&node, "not-the-one");
    node.serve();
    wait_until("the wrong secret to be refused", Duration::from_secs(20), || {
        node.log().contains("cannot be registered with")
    });
    set_secret(&node, SECRET);
    wait_until("the right one to serve at once", Duration::from_secs(10), || {
        node.rows(&["trunks"])[0]["registration"] == "registered"
    });
    let done = node.command(&["secret", "list"]).succeeded();
    assert_eq!(done.out.trim(), "carrier");
    sipp::register(Over::Udp, "alice", 5_071, 3_600);
    wait_until("the registration with the carrier", Duration::from_secs(40), || {
        node.rows(&["trunks"])[0]["registration"] == "registered"
    });
    let called = Scenario::new().rings().answers().hung_up_on();
    let far =
        sipp::start(Task { over: Over::Udp, user: "far", port: FAR, scenario: called, more: &["-m", "1"] });
    let calling = Scenario::new().call().answered().ack().talk().bye();
    let more = ["-m", "1", "-s", "0301234", "-d", "1000"];
    let near =
        sipp::start(Task { over: Over::Udp, user: "alice", port: 5_071, scenario: calling, more: &more });
    near.succeeded();
    far.succeeded();
    wait_until("the gone host to be known as down", Duration::from_secs(60), || {
        node.rows(&["trunks"])[0]["places"][0].as_str().is_some_and(|place| place.ends_with(" down"))
    });
    assert_eq!(node.rows(&["trunks"])[0]["state"], "up");
    assert!(!node.log().contains(SECRET));
    node.stop();
}
