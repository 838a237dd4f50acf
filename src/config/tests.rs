use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;

fn faults(text: &str, expected: Expect) {
    match check(Path::new("ledgerline.toml"), text) {
        Ok(config) => panic!("accepted: {config:?}"),
        Err(faults) => expected.assert_eq(&faults.to_string()),
    }
}

#[test]
fn an_empty_file_is_the_default() {
    let config = check(Path::new("/etc/ledgerline/ledgerline.toml"), "").expect("defaults");
    expect![[r#"
        Config {
            node: Node {
                name: "ledgerline",
                realm: "ledgerline",
                mode: Open,
            },
            sip: Sip {
                listen: [
                    Listen {
                        scheme: Udp,
                        address: 0.0.0.0:5060,
                    },
                    Listen {
                        scheme: Tcp,
                        address: 0.0.0.0:5060,
                    },
                ],
                digest: [
                    Sha256,
                    Md5,
                ],
                session_s: 1800,
                identity: Pai,
            },
            registrar: Registrar {
                least: 60s,
                most: 7200s,
                ping: Some(
                    60s,
                ),
            },
            tls: Tls {
                certificate: "/etc/ledgerline/certs/ledgerline.crt",
                key: "/etc/ledgerline/certs/ledgerline.key",
                clients: None,
                trust: None,
            },
            limits: Limits {
                source_per_s: None,
                strangers_per_s: None,
                peer_per_s: None,
                user_per_s: None,
                wrong_passwords: None,
                wrong_passwords_of_source: None,
                ban: None,
                trusted: [],
            },
            media: Media {
                ports: 20000..=29999,
                workers: None,
                back_end: Auto,
                address: None,
                music: Own,
                srtp: Optional,
                video: true,
                video_kbps: 4096,
                tones: China,
                prompts: None,
            },
            plan: Plan {
                folder: "/etc/ledgerline/dialplans",
                files: [],
                watch: None,
                roles: {},
            },
            outside: Outside {
                trust: None,
                identity: None,
                bearer: {},
                sign: {},
                uploads: [],
            },
            store: Store {
                folder: "/etc/ledgerline/store",
                keys: "/etc/ledgerline/keys",
                country: "86",
                heads_to: [],
                opus_after: None,
            },
            admin: Admin {
                socket: "/etc/ledgerline/admin.sock",
            },
            log: Log {
                level: "info",
                format: Text,
            },
            presence: Presence {
                watch: Users,
                show: Users,
            },
            screen: None,
            features: Features {
                pickup: Some(
                    "*8",
                ),
                pickup_user: Some(
                    "**",
                ),
                park: Some(
                    "*68",
                ),
                intercom: Some(
                    "*80",
                ),
                call_back: Some(
                    "*66",
                ),
                call_back_off: Some(
                    "*86",
                ),
                call_back_for: 1800s,
                redial: Some(
                    "*61",
                ),
                return_call: Some(
                    "*69",
                ),
                slots: [],
                park_for: 120s,
                settings: {
                    "*72": Forward(
                        Always,
                    ),
                    "*73": ForwardOff(
                        Always,
                    ),
                    "*78": Dnd(
                        true,
                    ),
                    "*79": Dnd(
                        false,
                    ),
                    "*90": Forward(
                        Busy,
                    ),
                    "*91": ForwardOff(
                        Busy,
                    ),
                    "*92": Forward(
                        NoAnswer,
                    ),
                    "*93": ForwardOff(
                        NoAnswer,
                    ),
                    "*94": Forward(
                        Unregistered,
                    ),
                    "*95": ForwardOff(
                        Unregistered,
                    ),
                },
                ring: {},
                groups: {},
            },
            trunks: [],
            recognisers: [],
        }
    "#]]
    .assert_debug_eq(&config);
}

#[test]
fn a_written_file_is_read() {
    let text = r#"
        [node]
        name = "pbx-1"
        realm = "bank.example"
        [sip]
        listen = ["udp://10.0.0.1:5060", "tcp://[2001:db8::1]:5062"]
        [media]
        ports = "30000-30099"
        workers = 2
        address = "198.51.100.7"
        [plan]
        files = ["office.plan"]
        [store]
        folder = "/srv/ledgerline"
        keys = "/run/credentials/ledgerline.service"
        country = "49"
        [log]
        level = "info,ledgerline::switch=debug"
        format = "json"
    "#;
    let config = check(Path::new("here/ledgerline.toml"), text).expect("valid");
    let silent = check(Path::new("here/ledgerline.toml"), "").expect("valid");
    let unwritten = |config: &Config| format!("{:?}", (&config.presence, &config.features, &config.trunks));
    assert_eq!(unwritten(&config), unwritten(&silent));
    let written =
        (&config.node, &config.sip, &config.tls, &config.media, &config.plan, &config.store, &config.log);
    expect![[r#"
        (
            Node {
                name: "pbx-1",
                realm: "bank.example",
                mode: Open,
            },
            Sip {
                listen: [
                    Listen {
                        scheme: Udp,
                        address: 10.0.0.1:5060,
                    },
                    Listen {
                        scheme: Tcp,
                        address: [2001:db8::1]:5062,
                    },
                ],
                digest: [
                    Sha256,
                    Md5,
                ],
                session_s: 1800,
                identity: Pai,
            },
            Tls {
                certificate: "here/certs/ledgerline.crt",
                key: "here/certs/ledgerline.key",
                clients: None,
                trust: None,
            },
            Media {
                ports: 30000..=30099,
                workers: Some(
                    2,
                ),
                back_end: Auto,
                address: Some(
                    198.51.100.7,
                ),
                music: Own,
                srtp: Optional,
                video: true,
                video_kbps: 4096,
                tones: China,
                prompts: None,
            },
            Plan {
                folder: "here/dialplans",
                files: [
                    "office.plan",
                ],
                watch: None,
                roles: {},
            },
            Store {
                folder: "/srv/ledgerline",
                keys: "/run/credentials/ledgerline.service",
                country: "49",
                heads_to: [],
                opus_after: None,
            },
            Log {
                level: "info,ledgerline::switch=debug",
                format: Json,
            },
        )
    "#]]
    .assert_debug_eq(&written);
}

#[test]
fn a_misspelt_name_is_answered_with_the_one_meant() {
    faults(
        "[sip]\nlistn = []\n[stoer]\n",
        expect![[r#"
        ledgerline.toml:2:1: error: there is no key `listn` here
         2 | listn = []
           | ^^^^^
           hint: did you mean `listen`?
        ledgerline.toml:3:2: error: there is no section `stoer` here
         3 | [stoer]
           |  ^^^^^
           hint: did you mean `store`?"#]],
    );
    faults(
        "listen = []\n[zzz]\nq = 1\n[media]\nbandwidth = 3\n",
        expect![[r#"
            ledgerline.toml:1:1: error: `listen` stands outside of every section
             1 | listen = []
               | ^^^^^^
               hint: put it under [sip]
            ledgerline.toml:2:2: error: there is no section `zzz` here
             2 | [zzz]
               |  ^^^
               hint: known: node, sip, registrar, tls, limits, media, plan, outside, store, admin, log, presence, screen, features, recogniser, trunk
            ledgerline.toml:5:1: error: there is no key `bandwidth` here
             5 | bandwidth = 3
               | ^^^^^^^^^
               hint: known: ports, workers, back_end, address, music, srtp, video, video_kbps, tones, prompts"#]],
    );
}

#[test]
fn what_is_not_toml_is_pointed_at() {
    faults(
        "[sip]\nlisten = [\"udp://0.0.0.0:5060\"\n",
        expect![[r#"
        ledgerline.toml:2:31: error: unclosed array, expected `]`
         2 | listen = ["udp://0.0.0.0:5060"
           |                               ^"#]],
    );
    faults(
        "[media]\nworkers = \"two\"\n",
        expect![[r#"
        ledgerline.toml:2:11: error: invalid type: string "two", expected u32
         2 | workers = "two"
           |           ^^^^^"#]],
    );
    faults(
        "[node]\nname = \"a\"\nname = \"b\"\n",
        expect![[r#"
        ledgerline.toml:3:1: error: duplicate key
         3 | name = "b"
           | ^^^^"#]],
    );
}

#[test]
fn listeners_say_what_they_cannot_be() {
    let text = "[sip]\nlisten = [\"wss://0.0.0.0:443\", \"udp://10.0.0.1\", \"0.0.0.0:5060\", \"sctp://0.0.0.0:1\", \"udp://pbx:5060\"]\n";
    faults(
        text,
        expect![[r#"
            ledgerline.toml:2:11: error: wss:// is reserved and not served by this version
             2 | listen = ["wss://0.0.0.0:443", "udp://10.0.0.1", "0.0.0.0:5060", "sctp://0.0.0.0:1", "udp://pbx:5060"]
               |           ^^^^^^^^^^^^^^^^^^^
               hint: phones in a browser are served by a later version; others speak udp, tcp or tls
            ledgerline.toml:2:32: error: `10.0.0.1` is not ADDRESS:PORT
             2 | listen = ["wss://0.0.0.0:443", "udp://10.0.0.1", "0.0.0.0:5060", "sctp://0.0.0.0:1", "udp://pbx:5060"]
               |                                ^^^^^^^^^^^^^^^^
               hint: add the port: 5060 is SIP's; an IPv6 address stands in brackets: [2001:db8::1]:5060
            ledgerline.toml:2:50: error: `0.0.0.0:5060` does not name a transport
             2 | listen = ["wss://0.0.0.0:443", "udp://10.0.0.1", "0.0.0.0:5060", "sctp://0.0.0.0:1", "udp://pbx:5060"]
               |                                                  ^^^^^^^^^^^^^^
               hint: write udp://ADDRESS:PORT, tcp://ADDRESS:PORT or tls://ADDRESS:PORT
            ledgerline.toml:2:66: error: there is no transport `sctp`
             2 | listen = ["wss://0.0.0.0:443", "udp://10.0.0.1", "0.0.0.0:5060", "sctp://0.0.0.0:1", "udp://pbx:5060"]
               |                                                                  ^^^^^^^^^^^^^^^^^^
               hint: transports: udp, tcp, tls
            ledgerline.toml:2:86: error: `pbx:5060` is not ADDRESS:PORT
             2 | listen = ["wss://0.0.0.0:443", "udp://10.0.0.1", "0.0.0.0:5060", "sctp://0.0.0.0:1", "udp://pbx:5060"]
               |                                                                                      ^^^^^^^^^^^^^^^^
               hint: write a numeric address; 0.0.0.0 is every IPv4 address of the machine, [::] every IPv6 address"#]],
    );
    faults(
        "[sip]\nlisten = []",
        expect![[r#"
        ledgerline.toml:2:10: error: nothing to listen on
         2 | listen = []
           |          ^^
           hint: for example ["udp://0.0.0.0:5060"]"#]],
    );
    faults(
        "[sip]\nlisten = [\"udp://[::1]:5060\", \"udp://[::1]:5060\"]",
        expect![[r#"
        ledgerline.toml:2:31: error: udp://[::1]:5060 is listed twice
         2 | listen = ["udp://[::1]:5060", "udp://[::1]:5060"]
           |                               ^^^^^^^^^^^^^^^^^^
           hint: remove one"#]],
    );
}

#[test]
fn what_should_be_a_list_is_told_how_to_be_one() {
    faults(
        "[[trunk]]\nto = \"sip:x\"\n",
        expect![[r#"
        ledgerline.toml:2:6: error: invalid type: string "sip:x", expected a sequence
         2 | to = "sip:x"
           |      ^^^^^^^
           hint: a list stands in brackets: ["…"]"#]],
    );
}

#[test]
fn values_are_checked_where_they_stand() {
    let text = "# 电话\n[node]\nname = \"总机\"\n[media]\nports = \"20001-29999\"\nworkers = 0\naddress = \"0.0.0.0\"\n[plan]\nfiles = [\"../hello.plan\"]\n[store]\ncountry = \"+86\"\n[log]\nlevel = \"loud\"\nformat = \"jsn\"\n";
    faults(
        text,
        expect![[r#"
            ledgerline.toml:3:8: error: not a name
             3 | name = "总机"
               |        ^^^^^^
               hint: 1 to 64 letters of a to z, digits, `.`, `-`, `_`
            ledgerline.toml:5:9: error: ports come in pairs
             5 | ports = "20001-29999"
               |         ^^^^^^^^^^^^^
               hint: RTP takes an even port and RTCP the odd one above it (RFC 3550 §11): begin even, end odd
            ledgerline.toml:6:11: error: not a number of threads
             6 | workers = 0
               |           ^
               hint: 1 to 256; leave the key out for one a core
            ledgerline.toml:7:11: error: not the address of a machine
             7 | address = "0.0.0.0"
               |           ^^^^^^^^^
               hint: the address that phones reach this machine by; leave the key out without a NAT in between
            ledgerline.toml:9:10: error: not a plan file
             9 | files = ["../hello.plan"]
               |          ^^^^^^^^^^^^^^^
               hint: a path within the plan folder that ends in .plan
            ledgerline.toml:11:11: error: not a country code
             11 | country = "+86"
                |           ^^^^^
               hint: 1 to 3 digits without `+`: "86"
            ledgerline.toml:13:9: error: not a level
             13 | level = "loud"
                |         ^^^^^^
               hint: error, warn, info, debug, trace; or a filter: info,ledgerline::sip=debug
            ledgerline.toml:14:10: error: there is no format `jsn`
             14 | format = "jsn"
                |          ^^^^^
               hint: did you mean `json`?"#]],
    );
    faults(
        "[media]\nports = \"20000\"",
        expect![[r#"
        ledgerline.toml:2:9: error: not a range of ports
         2 | ports = "20000"
           |         ^^^^^^^
           hint: for example "20000-29999""#]],
    );
    faults(
        "[media]\nports = \"80-90\"",
        expect![[r#"
        ledgerline.toml:2:9: error: not a usable range of ports
         2 | ports = "80-90"
           |         ^^^^^^^
           hint: from 1024 upwards, at least 4 ports"#]],
    );
}

#[test]
fn a_socket_path_that_no_kernel_takes_is_refused() {
    let text = format!("[admin]\nsocket = \"/{}\"", "a".repeat(107));
    let error = check(Path::new("ledgerline.toml"), &text).expect_err("too long").to_string();
    assert!(error.contains("longer than 107 octets"), "{error}");
}

/// `KNOWN` (spelling help) and the serde shape are two lists of the same names.
#[test]
fn the_list_of_known_names_is_the_shape() {
    for (section, keys) in written::KNOWN {
        let section = match *section {
            "trunk" => "[trunk]",
            "recogniser" => "[recogniser]",
            section => section,
        };
        for key in *keys {
            // A boolean fits no key; a key that serde does not know says "unknown field" instead.
            let error = toml::from_str::<written::Written>(&format!("[{section}]\n{key} = true\n"))
                .expect_err("no key takes a boolean");
            assert!(!error.message().contains("unknown field"), "[{section}] {key}: {error}");
        }
        let stranger = toml::from_str::<written::Written>(&format!("[{section}]\n__stranger = true\n"));
        let message = stranger.expect_err("strangers are refused").message().to_string();
        let listed = message.matches('`').count() / 2 - 1;
        assert_eq!(listed, keys.len(), "[{section}]: {message}");
    }
}

#[test]
fn a_trunk_is_read_and_its_faults_are_shown() {
    let text = r#"
        [[trunk]]
        name = "carrier"
        to = ["sip:sip.carrier.example", "sip:192.0.2.7:5070;transport=tcp"]
        register_s = 600
        secret = "carrier"
        caller_ids = ["+4930100"]
        outward = ["00 -> +", "0->+49"]
        calls = 30
        codecs = ["PCMA"]
        forwarded_by = "both"
    "#;
    let config = check(Path::new("x.toml"), text).expect("sound");
    let [trunk] = &config.trunks[..] else { panic!("{:?}", config.trunks) };
    assert_eq!((trunk.user.as_str(), trunk.ask, trunk.calls), ("carrier", Some(Duration::from_secs(30)), 30));
    assert_eq!(trunk.forwarded_by, ForwardedBy::Both);
    assert_eq!(trunk.outward[1], ("0".to_string(), "+49".to_string()));
    for (from, to, expected) in [
        ("name = \"carrier\"", "name = \"a b\"", "not a name"),
        ("name = \"carrier\"", "name = \"市话\"", "the account at the carrier is not said"),
        ("sip:sip.carrier.example", "sip:user@sip.carrier.example", "cannot be used here"),
        ("sip:sip.carrier.example", "tel:+49", "cannot be used here"),
        ("to = [", "from = [\"x\"]\n# [", "leads nowhere"),
        ("register_s = 600", "register_s = 5", "not a usable time"),
        ("+4930100", "anonymous", "cannot be used here"),
        ("00 -> +", "00 = +", "cannot be used here"),
        ("PCMA", "G729", "cannot be used here"),
        ("both", "history", "not a choice here"),
        ("calls", "cals", "unknown field"),
    ] {
        let faults = check(Path::new("x.toml"), &text.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(faults.contains(expected), "{to}: {faults}");
    }
    let twice = format!("{text}\n{text}");
    assert!(check(Path::new("x.toml"), &twice).expect_err("twice").to_string().contains("two trunks"));
}

#[test]
fn digest_algorithms_are_taken_in_their_order() {
    let digest = |text: &str| check(Path::new("x.toml"), text).map(|config| config.sip.digest);
    assert_eq!(digest("").expect("sound"), [Digest::Sha256, Digest::Md5]);
    assert_eq!(digest("[sip]\ndigest = [\"md5\"]").expect("sound"), [Digest::Md5]);
    for wrong in ["[]", "[\"SHA-1\"]", "[\"MD5\", \"MD5\"]"] {
        assert!(digest(&format!("[sip]\ndigest = {wrong}")).is_err(), "{wrong}");
    }
}
