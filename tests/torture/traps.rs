//! Traps for the wire layer in our own messages, one for every category of RFC 4475 and RFC 5118, each with what the wire layer does.

/// What the wire layer does with a datagram.
#[derive(Debug, PartialEq, Clone, Copy)]
pub enum Verdict {
    /// Handed to the rooms above.
    Passed,
    /// Answered with a status.
    Refused(u16),
    /// Dropped.
    Silent,
}
use Verdict::{Passed, Refused, Silent};

/// A message of lines; `""` in front of the body.
pub fn message(lines: &[&str]) -> Vec<u8> {
    lines.join("\r\n").into_bytes()
}

/// An OPTIONS with everything it needs, in which `lines` replace the fields of their name or stand beside them.
pub fn options(lines: &[&str]) -> Vec<u8> {
    request("OPTIONS sip:bob@biloxi.example SIP/2.0", "OPTIONS", lines)
}

/// A request with this start line and method, `lines` as in [`options`].
pub fn request(start: &str, method: &str, lines: &[&str]) -> Vec<u8> {
    let cseq = format!("CSeq: 7 {method}");
    let base = [
        "Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-trap-1",
        "Max-Forwards: 70",
        "From: <sip:mallory@traps.example>;tag=m1",
        "To: <sip:bob@biloxi.example>",
        "Call-ID: trap@traps.example",
        &cseq,
        "Content-Length: 0",
    ];
    let name = |line: &str| line.split(':').next().unwrap_or("").trim().to_ascii_lowercase();
    let kept = base.iter().filter(|b| !lines.iter().any(|l| name(l) == name(b)));
    let all: Vec<&str> = std::iter::once(&start).chain(kept).chain(lines).copied().chain(["", ""]).collect();
    message(&all)
}

/// Every trap: its name, its octets, what becomes of it.
pub fn traps() -> Vec<(&'static str, Vec<u8>, Verdict)> {
    let long = "x".repeat(4_000);
    let long_header = format!("X-Long: {long}");
    let vias = vec!["Via: SIP/2.0/UDP h.example;branch=z9hG4bKn"; 33];
    let too_many_vias = vec!["Via: SIP/2.0/UDP h.example;branch=z9hG4bKn"; 90];
    let too_many_fields = vec!["X-Field: 1"; 300];
    let good = options(&[]);
    let mut two = good.clone();
    two.extend_from_slice(&options(&["Call-ID: second"]));
    let mut nul_quoted = options(&["From: \"a\\\u{0}b\" <sip:a@b.example>;tag=1"]);
    nul_quoted.extend_from_slice(b"\xff");
    let mut no_end = good.clone();
    no_end.truncate(good.len() - 2);
    let register = |lines: &[&str]| request("REGISTER sip:biloxi.example SIP/2.0", "REGISTER", lines);
    let invite = |lines: &[&str]| request("INVITE sip:bob@biloxi.example SIP/2.0", "INVITE", lines);
    let start = |line: &str| request(line, "OPTIONS", &[]);
    let response = |status: &str, lines: &[&str]| request(&format!("SIP/2.0 {status}"), "OPTIONS", lines);

    vec![
        ("nothing special", good.clone(), Passed),
        // RFC 4475 §3.1.1: odd but valid.
        (
            "folds, spaces, compact and mixed names, leading zeros",
            message(&[
                "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
                "TO :",
                "   sip:bob@biloxi.example ;   tag    = 9x ",
                "fRoM :   \"quoted \\\\\\\"\" <sip:m@traps.example>",
                "  ;",
                "  tag = 1a",
                "mAx-fOrWaRdS: 0068",
                "Call-iD: w.1@traps.example",
                "CSEQ: 0009",
                "  INVITE",
                "v : SIP  / 2.0  / UDP  192.0.2.2;branch=390skdjuw",
                "s :",
                "l : 0",
                "X-New: nobody",
                "\tknows this",
                "Via :  SIP  / 2.0/TCP  h1.example : 5060;  branch  =  z9hG4bK9 ,",
                " SIP/2.0/UDP 192.0.2.1 ;received = 192.0.2.9",
                "m: \"A,B\" <sip:c@traps.example?Route=%3Csip:x%3E&Subject=y,z>;q=0.2;+x=\"a;b,c\"",
                "",
                "",
            ]),
            Passed,
        ),
        (
            "method of every token character",
            request("!o-_%+'`*~.9 sip:a@b.example SIP/2.0", "!o-_%+'`*~.9", &[]),
            Passed,
        ),
        (
            "escaped method is another method",
            request("OPTI%4FNS sip:a@b.example SIP/2.0", "OPTI%4FNS", &[]),
            Passed,
        ),
        (
            "lower-case method is another method",
            request("options sip:a@b.example SIP/2.0", "options", &[]),
            Passed,
        ),
        (
            "escapes in user, display and parameters",
            options(&["To: <sip:%62ob%20x:%70w@b.example;%6cr;p=%3B>"]),
            Passed,
        ),
        (
            "escaped NUL in user",
            register(&["Contact: <sip:a%00@b.example>, <sip:a%00%00@b.example>"]),
            Passed,
        ),
        ("NUL as quoted pair, octets behind the body", nul_quoted, Passed),
        ("no space before the bracket", options(&["From: caller<sip:a@b.example>;tag=2"]), Passed),
        ("long values", options(&[&long_header, &format!("Route: <sip:{long}@h.example;lr>")]), Passed),
        ("33 Via", options(&vias), Passed),
        ("a second message behind the first in one datagram", two, Passed),
        (
            "semicolons and question mark in the user",
            start("OPTIONS sip:u;par=u%40d?x@b.example;lr SIP/2.0"),
            Passed,
        ),
        (
            "unknown Via transports",
            options(&["Via: SIP/2.0/QUIC9 a.example;branch=z9hG4bKq, SIP/2.0/SCTP b.example"]),
            Passed,
        ),
        ("UTF-8 reason", response("200 Всё хорошо", &[]), Passed),
        ("empty reason", response("180 ", &[]), Passed),
        ("no space before an empty reason", response("180", &[]), Passed),
        ("octets that are no UTF-8", [&options(&["Subject: x"])[..0], &gbk()].concat(), Passed),
        ("empty lines in front", [b"\r\n\r\n", &good[..]].concat(), Passed),
        // RFC 4475 §3.1.2: invalid.
        ("separators too many in Via", options(&["Via: SIP/2.0/UDP 192.0.2.7;;,;,,"]), Refused(400)),
        (
            "an empty list element in Via",
            options(&["Via: SIP/2.0/UDP a.example, ,SIP/2.0/UDP b.example"]),
            Refused(400),
        ),
        ("separators too many in Contact", invite(&["Contact: <sip:a@b.example>;;,"]), Refused(400)),
        ("Content-Length above the datagram", options(&["Content-Length: 99"]), Refused(400)),
        ("negative Content-Length", options(&["Content-Length: -9"]), Refused(400)),
        ("Content-Length in words", options(&["Content-Length: many"]), Refused(400)),
        (
            "Content-Length beyond 64 bits",
            options(&["Content-Length: 99999999999999999999999"]),
            Refused(400),
        ),
        ("CSeq beyond 32 bits", options(&["CSeq: 4294967296 OPTIONS"]), Refused(400)),
        ("Max-Forwards 256", options(&["Max-Forwards: 256"]), Refused(400)),
        ("Expires beyond 32 bits is just long", register(&["Expires: 99999999999999"]), Passed),
        (
            "overlarge values in a response",
            response("503 x", &["CSeq: 9292394834772304023312 OPTIONS"]),
            Silent,
        ),
        ("open quote in To", options(&["To: \"Mr. Bob <sip:bob@b.example>"]), Refused(400)),
        ("open bracket in From", options(&["From: Bob <sip:bob@b.example;tag=1"]), Refused(400)),
        ("brackets round the Request-URI", start("OPTIONS <sip:a@b.example> SIP/2.0"), Refused(400)),
        ("spaces inside the Request-URI", start("OPTIONS sip:a@b.example; lr SIP/2.0"), Refused(400)),
        ("two spaces in the request line", start("OPTIONS  sip:a@b.example  SIP/2.0"), Refused(400)),
        ("space behind the request line", start("OPTIONS sip:a@b.example SIP/2.0 "), Refused(400)),
        (
            "headers in the Request-URI are ignored",
            start("OPTIONS sip:a@b.example?Route=%3Csip:x%3E SIP/2.0"),
            Passed,
        ),
        ("a Date out of this world", options(&["Date: Fri, 01 Jan 2010 16:00:00 EST"]), Passed),
        (
            "Contact with headers and no brackets",
            register(&["Contact: sip:a@b.example?Route=x"]),
            Refused(400),
        ),
        (
            "comma in an unquoted display name",
            options(&["From: Bell, A <sip:a@b.example>;tag=1"]),
            Refused(400),
        ),
        ("another version", start("OPTIONS sip:a@b.example SIP/7.0"), Refused(505)),
        ("no version", start("OPTIONS sip:a@b.example"), Refused(400)),
        ("another protocol", start("GET / HTTP/1.1"), Refused(400)),
        ("CSeq of another method", options(&["CSeq: 8 INVITE"]), Refused(400)),
        (
            "unknown method, CSeq of another",
            request("NEWMETHOD sip:a@b.example SIP/2.0", "INVITE", &[]),
            Refused(400),
        ),
        ("status beyond three digits", response("4294967301 x", &[]), Silent),
        ("status 099", response("099 x", &[]), Silent),
        ("status 700", response("700 x", &[]), Silent),
        ("response of another version", request("SIP/3.0 200 OK", "OPTIONS", &[]), Silent),
        // RFC 4475 §3.2 to §3.4.
        ("branch of the cookie alone", options(&["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"]), Passed),
        (
            "two branches",
            options(&["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;branch=z9hG4bKb"]),
            Refused(400),
        ),
        ("two tags", options(&["From: <sip:a@b.example>;tag=1;tag=2"]), Refused(400)),
        (
            "Call-ID, From and To missing",
            message(&[
                "INVITE sip:a@b.example SIP/2.0",
                "CSeq: 1 INVITE",
                "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKi",
                "",
                "",
            ]),
            Refused(400),
        ),
        ("empty Call-ID", options(&["Call-ID:"]), Refused(400)),
        (
            "no Via, so nowhere to answer",
            message(&["OPTIONS sip:a@b.example SIP/2.0", "CSeq: 1 OPTIONS", "", ""]),
            Silent,
        ),
        ("broken ACK", request("ACK sip:a@b.example SIP/2.0", "ACK", &["To: \"open"]), Silent),
        ("unknown scheme", start("OPTIONS nobodyknows:totallyopaque%zz SIP/2.0"), Passed),
        ("scheme with dots", start("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), Passed),
        ("no scheme", start("OPTIONS bob@b.example SIP/2.0"), Refused(400)),
        (
            "unknown schemes in To and Contact",
            register(&["To: isbn:2983792873", "Contact: <name:John_Smith>"]),
            Passed,
        ),
        (
            "tel and urn",
            invite(&["To: <tel:+1-201-555-0123;phone-context=x>", "Contact: <urn:service:sos>"]),
            Passed,
        ),
        ("an unknown scheme of credentials", register(&["Authorization: NoOneKnows opaque=here"]), Passed),
        ("two Call-ID", [&options(&["X: 1"])[..0], &twice("Call-ID: other")].concat(), Refused(400)),
        ("two CSeq", twice("CSeq: 8 OPTIONS"), Refused(400)),
        ("two To", twice("t: <sip:else@b.example>"), Refused(400)),
        ("two From", twice("f: <sip:else@b.example>;tag=1"), Refused(400)),
        ("two Max-Forwards", twice("Max-Forwards: 5"), Refused(400)),
        ("two Content-Length", twice("l: 1"), Refused(400)),
        ("two equal Content-Length", twice("Content-Length: 0"), Refused(400)),
        ("Max-Forwards 0", options(&["Max-Forwards: 0"]), Passed),
        ("* alone in REGISTER", register(&["Contact: *", "Expires: 0"]), Passed),
        ("* and another", register(&["Contact: *, <sip:a@b.example>"]), Refused(400)),
        ("* in INVITE", invite(&["Contact: *"]), Refused(400)),
        ("a Contact without a value is none", register(&["Contact:"]), Passed),
        ("q of two", register(&["Contact: <sip:a@b.example>;q=2"]), Refused(400)),
        (
            "as RFC 2543 wrote it",
            message(&[
                "INVITE sip:UserB@example.com SIP/2.0",
                "Via: SIP/2.0/UDP iftgw.example.com",
                "From: <sip:+13035551111@ift.client.example.net;user=phone>",
                "To: sip:+16505552222@ss1.example.net;user=phone",
                "Call-ID: 1717@ift.client.example.com",
                "CSeq: 56 INVITE",
                "",
                "v=0\r\n",
            ]),
            Passed,
        ),
        // RFC 5118.
        (
            "IPv6 everywhere",
            options(&[
                "Via: SIP/2.0/UDP [2001:db8::9]:5070;received=[2001:db8::9:255];branch=z9hG4bK6",
                "To: <sip:[2001:db8::10]:5070>",
            ]),
            Passed,
        ),
        (
            "IPv6 received without brackets",
            options(&["Via: SIP/2.0/UDP [2001:db8::9];received=2001:db8::9:255;branch=z9hG4bK6"]),
            Passed,
        ),
        ("IPv4 in IPv6", start("OPTIONS sip:u@[::ffff:192.0.2.10]:19823 SIP/2.0"), Passed),
        ("three colons before IPv4", start("OPTIONS sip:u@[2001:db8:::192.0.2.1] SIP/2.0"), Passed),
        ("IPv6 without brackets in the Request-URI", start("OPTIONS sip:2001:db8::10 SIP/2.0"), Refused(400)),
        (
            "IPv6 without brackets in Via",
            options(&["Via: SIP/2.0/UDP 2001:db8::9;branch=z9hG4bK6"]),
            Refused(400),
        ),
        // Beyond the RFCs.
        ("lone LF as line end", good.iter().copied().filter(|c| *c != b'\r').collect(), Refused(400)),
        ("lone CR in a value", options(&["Subject: a\rl: 5"]), Refused(400)),
        ("lone LF in a value", options(&["Subject: a\nl: 5"]), Refused(400)),
        ("no end of the header section", no_end, Refused(400)),
        ("a line without a colon", options(&["this is no field"]), Refused(400)),
        ("a name with a space inside", options(&["X Y: 1"]), Refused(400)),
        (
            "white space before the first field",
            message(&["OPTIONS sip:a SIP/2.0", " Via: SIP/2.0/UDP a", "Via: SIP/2.0/UDP a", "", ""]),
            Refused(400),
        ),
        ("too many Via", options(&too_many_vias), Refused(483)),
        ("too many fields", options(&too_many_fields), Refused(400)),
        ("keep-alive", b"\r\n\r\n".to_vec(), Silent),
        ("nothing", Vec::new(), Silent),
        ("STUN", b"\x00\x01\x00\x08\x21\x12\xa4\x42aaaaaaaaaaaa".to_vec(), Silent),
        ("prose", b"hello there\r\n\r\n".to_vec(), Silent),
    ]
}

/// A good OPTIONS with `line` added, whatever stands there already.
pub fn twice(line: &str) -> Vec<u8> {
    let good = String::from_utf8(options(&[])).expect("ASCII");
    good.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\nx"), 1).into_bytes()
}

/// Names in GBK before, between and behind the fields that matter: none of these may get lost.
pub fn gbk() -> Vec<u8> {
    let mut octets = options(&["From: \"@@\" <sip:li@b.example>;tag=1", "Subject: @@", "X-Behind: here"]);
    while let Some(at) = octets.windows(2).position(|w| w == b"@@") {
        octets.splice(at..at + 2, *b"\xd5\xc5\xc8\xfd");
    }
    octets
}
