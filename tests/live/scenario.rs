//! What a SIPp phone does, step by step, written as the XML that SIPp reads.
//!
//! Invariant: requests are counted here (`CSeq`, and SIPp's `[branch-N]`, which names the request N steps back), so that a
//! scenario reads as the call goes.

use std::fmt::Write;

/// A scenario in the making. SIPp fills in what stands in brackets; `-s` is the number dialled, `-key caller` the account.
pub struct Scenario {
    steps: String,
    /// How many steps there are.
    count: usize,
    /// The last CSeq number used.
    cseq: u32,
    /// The step that holds the last INVITE.
    invited: usize,
    /// How often the session was described.
    described: u32,
}

/// Who a response or a request within the dialog is for, as the caller.
const WITHIN: &str = "[peer_tag_param]";

/// The tag that the called phone puts into To.
const CALLED: &str = ";tag=[pid]-called-[call_number]";

const CONTACT: &str = "Contact: <sip:[caller]@[local_ip]:[local_port];transport=[transport]>\n";

impl Scenario {
    /// Nothing yet.
    pub fn new() -> Scenario {
        Scenario { steps: String::new(), count: 0, cseq: 0, invited: 0, described: 0 }
    }

    /// The text of the scenario.
    pub fn xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n\
             <scenario name=\"live\">\n{}</scenario>\n",
            self.steps
        )
    }

    /// Registers: asked for proof, gives it. Keys: `contact` (host:port) and `expires`.
    pub fn register(self) -> Scenario {
        self.register_with("")
    }

    /// As [`Scenario::register`], with parameters of the contact (`;q=0.5`).
    pub fn register_with(self, params: &str) -> Scenario {
        let expires = "Expires: [expires]\nUser-Agent: live-test\n";
        let contact = format!("Contact: <sip:[caller]@[contact];transport=[transport]>{params}\n");
        self.registering(&format!("{contact}{expires}"))
            .expect_proof_wanted()
            .registering(&format!("{contact}{expires}[authentication]\n"))
            .expect(200)
    }

    fn registering(mut self, fields: &str) -> Scenario {
        self.cseq += 1;
        let cseq = self.cseq;
        let request = format!(
            "REGISTER sip:ledgerline SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             Max-Forwards: 70\nFrom: <sip:[caller]@ledgerline>;tag=[pid]-[call_number]\n\
             To: <sip:[caller]@ledgerline>\nCall-ID: [call_id]\nCSeq: {cseq} REGISTER\n{fields}Content-Length: 0\n\n"
        );
        self.send(true, &request)
    }

    /// Calls: asked for proof, gives it.
    pub fn call(self) -> Scenario {
        self.calling(true)
    }

    /// Calls without saying what it speaks: the switch offers, the ACK answers (RFC 3261 §13.2.1).
    pub fn call_without_offer(self) -> Scenario {
        self.calling(false)
    }

    /// Calls as a carrier does, whom nobody asks for a proof.
    pub fn call_unasked(self) -> Scenario {
        self.invite("", true)
    }

    fn calling(self, offer: bool) -> Scenario {
        self.invite("", offer).expect_proof_wanted().ack_refusal().invite("[authentication]\n", offer)
    }

    fn invite(mut self, proof: &str, offer: bool) -> Scenario {
        self.cseq += 1;
        self.invited = self.count;
        let body = if offer { self.session("sendrecv") } else { NOTHING.to_string() };
        let request =
            self.request("INVITE", "sip:[service]@ledgerline", "", &format!("{CONTACT}{proof}"), &body);
        self.send(true, &request)
    }

    /// It rings or not, and is answered.
    pub fn answered(self) -> Scenario {
        self.maybe(100).maybe(180).maybe(183).receive("response=\"200\" rrs=\"true\"", "")
    }

    /// As [`Scenario::answered`]; the answer carries an offer.
    pub fn answered_with_offer(self) -> Scenario {
        self.maybe(100)
            .maybe(180)
            .maybe(183)
            .receive_with("response=\"200\" rrs=\"true\"", "m=audio [1-9][0-9]* RTP/AVP")
    }

    /// Confirms an answer.
    pub fn ack(self) -> Scenario {
        self.confirming(NOTHING.to_string())
    }

    /// Confirms an answer that carried an offer, and answers that.
    pub fn ack_with_answer(mut self) -> Scenario {
        let body = self.session("sendrecv");
        self.confirming(body)
    }

    fn confirming(self, body: String) -> Scenario {
        let request = self.request("ACK", "[next_url]", WITHIN, "[routes]\n", &body);
        self.send(false, &request)
    }

    /// Confirms a refusal of the last INVITE, within its transaction.
    fn ack_refusal(self) -> Scenario {
        let branch = format!("branch=[branch-{}]", self.count - self.invited);
        let request = self.request("ACK", "sip:[service]@ledgerline", WITHIN, "", NOTHING);
        self.send(false, &request.replace("branch=[branch]", &branch))
    }

    /// The call is refused with this status, which is confirmed.
    pub fn refused(self, status: u16) -> Scenario {
        self.maybe(100).maybe(180).expect(status).ack_refusal()
    }

    /// Gives up while it rings.
    pub fn cancel(self) -> Scenario {
        let it = self.maybe(100).expect(180);
        let branch = format!("branch=[branch-{}]", it.count - it.invited);
        let request = it.request("CANCEL", "sip:[service]@ledgerline", "", "", NOTHING);
        it.send(true, &request.replace("branch=[branch]", &branch)).expect(200).expect(487).ack_refusal()
    }

    /// Describes its session anew: a direction, or `0.0.0.0` for the notation of RFC 2543. The answer must match.
    pub fn renew(mut self, direction: &str, answer: &str) -> Scenario {
        self.cseq += 1;
        let body = match direction {
            "0.0.0.0" => {
                self.session("sendrecv").replace("c=IN IP[media_ip_type] [media_ip]", "c=IN IP4 0.0.0.0")
            }
            direction => self.session(direction),
        };
        let fields = format!("[routes]\n{CONTACT}");
        let request = self.request("INVITE", "[next_url]", WITHIN, &fields, &body);
        self.send(true, &request).maybe(100).receive_with("response=\"200\" rrs=\"true\"", answer).ack()
    }

    /// Turns to fax (T.38) in the place of the sound, received at `port`; the answer is fax too.
    pub fn turns_to_fax(self, port: u16) -> Scenario {
        let it = self.offers_fax(port);
        it.maybe(100).receive_with("response=\"200\" rrs=\"true\"", "m=image [1-9][0-9]* udptl t38").ack()
    }

    /// Turns to fax, which the other side refuses with 488.
    pub fn turns_to_fax_in_vain(self, port: u16) -> Scenario {
        self.offers_fax(port).refused(488)
    }

    fn offers_fax(mut self, port: u16) -> Scenario {
        self.cseq += 1;
        self.invited = self.count;
        let body = self.fax(port);
        let fields = format!("[routes]\n{CONTACT}");
        let request = self.request("INVITE", "[next_url]", WITHIN, &fields, &body);
        self.send(true, &request)
    }

    /// Is asked to turn to fax, and does, receiving it at `port`.
    pub fn takes_fax(mut self, port: u16) -> Scenario {
        let body = self.fax(port);
        let it = self.receive_with("request=\"INVITE\"", "m=image [1-9][0-9]* udptl t38");
        let answer = response("200 OK", CONTACT, &body).replace(CALLED, "");
        it.send(true, &answer).receive("request=\"ACK\"", "")
    }

    /// Is asked to turn to fax, and will not.
    pub fn refuses_fax(self) -> Scenario {
        let it = self.receive_with("request=\"INVITE\"", "m=image [1-9][0-9]* udptl t38");
        let answer = response("488 Not Acceptable Here", "", NOTHING).replace(CALLED, "");
        it.send(false, &answer).receive("request=\"ACK\"", "")
    }

    /// Is asked to turn back to sound, and does.
    pub fn takes_sound(mut self) -> Scenario {
        let body = self.session("sendrecv");
        let it = self.receive_with("request=\"INVITE\"", "m=audio [1-9][0-9]* RTP/AVP");
        let answer = response("200 OK", CONTACT, &body).replace(CALLED, "");
        it.send(true, &answer).receive("request=\"ACK\"", "")
    }

    /// Calls with more header lines (`Require: 100rel`, `Session-Expires: 60` …).
    pub fn call_with(self, lines: &str) -> Scenario {
        let it = self.invite(lines, true).expect_proof_wanted().ack_refusal();
        it.invite(&format!("{lines}[authentication]\n"), true)
    }

    /// It rings reliably (RFC 3262): the RSeq is acknowledged with PRACK.
    pub fn rung_reliably(mut self) -> Scenario {
        self.cseq += 1;
        let it = self.maybe(100).receive(
            "response=\"180\" rrs=\"true\"",
            "\n    <action><ereg regexp=\"[0-9]+\" search_in=\"hdr\" header=\"RSeq:\" check_it=\"true\" assign_to=\"rseq\"/>\
             </action>\n  ",
        );
        let fields = format!("RAck: [$rseq] {} INVITE\n", it.cseq - 1);
        let request = it.request("PRACK", "[next_url]", WITHIN, &fields, NOTHING);
        it.send(true, &request).expect(200)
    }

    /// Describes its session anew by UPDATE (RFC 3311). The answer must match.
    pub fn update(mut self, direction: &str, answer: &str) -> Scenario {
        self.cseq += 1;
        let body = self.session(direction);
        let request = self.request("UPDATE", "[next_url]", WITHIN, CONTACT, &body);
        self.send(true, &request).receive_with("response=\"200\"", answer)
    }

    /// Transfers the other side to a number (RFC 3515) and hears how it goes; then it is let go.
    pub fn refer(mut self, number: &str) -> Scenario {
        self.cseq += 1;
        let fields = format!("{CONTACT}Refer-To: <sip:{number}@ledgerline>\n");
        let request = self.request("REFER", "[next_url]", WITHIN, &fields, NOTHING);
        let answer = response("200 OK", "", NOTHING).replace(CALLED, "");
        let mut it = self.send(true, &request).expect(202);
        for line in ["SIP/2.0 100", "SIP/2.0 180", "SIP/2.0 200"] {
            let action = format!(
                "\n    <action><ereg regexp=\"{line}\" search_in=\"body\" check_it=\"true\" assign_to=\"found\"/>\
                 <log message=\"[$found]\"/></action>\n  "
            );
            it = it.receive("request=\"NOTIFY\"", &action).send(false, &answer);
        }
        it.hung_up_on()
    }

    /// Lets the time of `-d` pass.
    pub fn talk(self) -> Scenario {
        self.step("  <pause/>\n")
    }

    /// Lets a time pass.
    pub fn wait(self, milliseconds: u32) -> Scenario {
        self.step(&format!("  <pause milliseconds=\"{milliseconds}\"/>\n"))
    }

    /// Presses keys (RFC 4733). SIPp sends them over a raw socket, always as payload type 96.
    pub fn press(self, keys: &str) -> Scenario {
        self.step(&format!("  <nop><action><exec play_dtmf=\"{keys}\"/></action></nop>\n"))
    }

    /// Hangs up.
    pub fn bye(mut self) -> Scenario {
        self.cseq += 1;
        let request = self.request("BYE", "[next_url]", WITHIN, "[routes]\n", NOTHING);
        self.send(true, &request).expect(200)
    }

    /// Is hung up on.
    pub fn hung_up_on(self) -> Scenario {
        // To carries this phone's tag by now; a second one would make an answer that fits no dialog.
        let answer = response("200 OK", "", NOTHING).replace(CALLED, "");
        self.receive("request=\"BYE\"", "").send(false, &answer)
    }

    /// Watches an event package of the user that `-s` names: asked for proof, gives it. Later: prolongs it, or ends it with 0.
    pub fn subscribe(self, event: &str, expires: u32) -> Scenario {
        let first = self.cseq == 0;
        let (uri, to_tag) = if first { ("sip:[service]@ledgerline", "") } else { ("[next_url]", WITHIN) };
        let fields = format!("{CONTACT}Event: {event}\nExpires: {expires}\n");
        self.subscribing(uri, to_tag, &fields)
            .expect_proof_wanted()
            .subscribing(uri, to_tag, &format!("{fields}[authentication]\n"))
            .receive("response=\"200\" rrs=\"true\"", "")
    }

    fn subscribing(mut self, uri: &str, to_tag: &str, fields: &str) -> Scenario {
        self.cseq += 1;
        let request = self.request("SUBSCRIBE", uri, to_tag, fields, NOTHING);
        self.send(true, &request)
    }

    /// Is told something that fits `pattern`.
    pub fn notified(self, pattern: &str) -> Scenario {
        let answer = response("200 OK", "", NOTHING).replace(CALLED, "");
        self.receive_with("request=\"NOTIFY\"", pattern).send(false, &answer)
    }

    /// Is asked, outside any dialog, to fetch its configuration.
    pub fn synchronised(self) -> Scenario {
        let it = self.receive(
            "request=\"NOTIFY\"",
            "\n    <action><ereg regexp=\"check-sync;reboot=true\" search_in=\"hdr\" header=\"Event:\" check_it=\"true\" \
             assign_to=\"found\"/><log message=\"[$found]\"/></action>\n  ",
        );
        it.respond("200 OK", "", NOTHING)
    }

    /// Writes a text to the user that `-s` names: asked for proof, gives it.
    pub fn writes(self, text: &str) -> Scenario {
        self.writing("", text).expect_proof_wanted().writing("[authentication]\n", text).expect(200)
    }

    fn writing(mut self, proof: &str, text: &str) -> Scenario {
        self.cseq += 1;
        let body = format!("Content-Type: text/plain\nContent-Length: [len]\n\n{text}");
        let request = self.request("MESSAGE", "sip:[service]@ledgerline", "", proof, &body);
        self.send(true, &request)
    }

    /// Gets this text.
    pub fn reads(self, text: &str) -> Scenario {
        self.receive_with("request=\"MESSAGE\"", text).respond("200 OK", "", NOTHING)
    }

    /// Is called, and rings.
    pub fn rings(self) -> Scenario {
        let it = self.receive("request=\"INVITE\" rrs=\"true\"", "");
        it.respond("180 Ringing", CONTACT, NOTHING)
    }

    /// Is called by an INVITE with a header that fits `pattern`, and rings.
    pub fn rings_if(self, header: &str, pattern: &str) -> Scenario {
        let action = in_header(header, pattern);
        self.receive("request=\"INVITE\" rrs=\"true\"", &action).respond("180 Ringing", CONTACT, NOTHING)
    }

    /// Is called, and says nothing for a while.
    pub fn hesitates(self, milliseconds: u32) -> Scenario {
        self.receive("request=\"INVITE\" rrs=\"true\"", "").wait(milliseconds)
    }

    /// Answers the call that it was ringing for.
    pub fn answers(mut self) -> Scenario {
        let body = self.session("sendrecv");
        // Who is who in the dialog, should this side hang up.
        let names = "\n    <action><ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" assign_to=\"caller\"/>\
             <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"called\"/>\
             <log message=\"[$caller] [$called]\"/></action>\n  ";
        self.respond("200 OK", CONTACT, &body).receive("request=\"ACK\"", names)
    }

    /// Hangs up on the caller, whose call it has answered, after the time of `-d`.
    pub fn hangs_up(self) -> Scenario {
        let request = "BYE [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             Max-Forwards: 70\nFrom:[$called]\nTo:[$caller]\nCall-ID: [call_id]\nCSeq: 1 BYE\n\
             Content-Length: 0\n\n";
        self.talk().send(true, request).expect(200)
    }

    /// Is called, and refuses.
    pub fn refuses(self, status: &str) -> Scenario {
        let it = self.receive("request=\"INVITE\"", "");
        it.respond(status, "", NOTHING).receive("request=\"ACK\"", "")
    }

    /// The caller gave up.
    pub fn cancelled(self) -> Scenario {
        self.cancelled_with("")
    }

    /// The call is taken back, and its Reason (RFC 3326) fits `pattern`.
    pub fn cancelled_because(self, pattern: &str) -> Scenario {
        self.cancelled_with(&in_header("Reason:", pattern))
    }

    fn cancelled_with(self, action: &str) -> Scenario {
        let it = self.receive("request=\"CANCEL\"", action).respond("200 OK", "", NOTHING);
        // The refusal belongs to the INVITE: same number, other method.
        let refusal = response("487 Request Terminated", "", NOTHING)
            .replace("[last_CSeq:]", "CSeq: [last_cseq_number] INVITE");
        it.send(false, &refusal).receive("request=\"ACK\"", "")
    }

    fn respond(self, status: &str, fields: &str, body: &str) -> Scenario {
        let answer = response(status, fields, body);
        self.send(status.starts_with("200") && !body.starts_with(NOTHING), &answer)
    }

    fn expect_proof_wanted(self) -> Scenario {
        self.maybe(100).receive("response=\"401\" auth=\"true\"", "")
    }

    fn expect(self, status: u16) -> Scenario {
        self.receive(&format!("response=\"{status}\""), "")
    }

    fn maybe(self, status: u16) -> Scenario {
        self.receive(&format!("response=\"{status}\" optional=\"true\""), "")
    }

    fn receive_with(self, what: &str, pattern: &str) -> Scenario {
        let pattern =
            pattern.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let action = format!(
            "\n    <action><ereg regexp=\"{pattern}\" search_in=\"body\" check_it=\"true\" assign_to=\"found\"/>\
             <log message=\"[$found]\"/></action>\n  "
        );
        self.receive(what, &action)
    }

    fn receive(self, what: &str, action: &str) -> Scenario {
        self.step(&format!("  <recv {what}>{action}</recv>\n"))
    }

    fn send(self, again: bool, message: &str) -> Scenario {
        let again = if again { " retrans=\"500\"" } else { "" };
        self.step(&format!("  <send{again}><![CDATA[\n{message}]]></send>\n"))
    }

    fn step(mut self, xml: &str) -> Scenario {
        self.steps.push_str(xml);
        self.count += 1;
        self
    }

    fn request(&self, method: &str, uri: &str, to_tag: &str, fields: &str, body: &str) -> String {
        let number = self.cseq;
        format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             Max-Forwards: 70\nFrom: <sip:[caller]@ledgerline>;tag=[pid]-[call_number]\n\
             To: <sip:[service]@ledgerline>{to_tag}\nCall-ID: [call_id]\nCSeq: {number} {method}\n{fields}{body}"
        )
    }

    /// The end of a message that describes a session of fax alone.
    fn fax(&mut self, port: u16) -> String {
        let sound = self.session("sendrecv");
        let head = sound.split("m=audio").next().unwrap_or_default();
        format!(
            "{head}m=image {port} udptl t38\na=T38FaxVersion:0\na=T38MaxBitRate:14400\na=T38FaxUdpEC:t38UDPRedundancy\n"
        )
    }

    /// The end of a message that describes the session.
    fn session(&mut self, direction: &str) -> String {
        self.described += 1;
        let mut text = "Content-Type: application/sdp\nContent-Length: [len]\n\n".to_string();
        let _ = write!(
            text,
            "v=0\no=phone 1 {} IN IP[local_ip_type] [local_ip]\ns=-\nc=IN IP[media_ip_type] [media_ip]\nt=0 0\n\
             m=audio [media_port] RTP/AVP 0 8 96\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n\
             a=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\na=ptime:20\na={direction}\n",
            self.described
        );
        text
    }
}

/// What must stand in a header of a message.
fn in_header(header: &str, pattern: &str) -> String {
    format!(
        "\n    <action><ereg regexp=\"{pattern}\" search_in=\"hdr\" header=\"{header}\" check_it=\"true\" assign_to=\"found\"/>\
         <log message=\"[$found]\"/></action>\n  "
    )
}

/// The end of a message that carries nothing.
const NOTHING: &str = "Content-Length: 0\n\n";

fn response(status: &str, fields: &str, body: &str) -> String {
    format!(
        "SIP/2.0 {status}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{CALLED}\n[last_Call-ID:]\n\
         [last_CSeq:]\n{fields}{body}"
    )
}
