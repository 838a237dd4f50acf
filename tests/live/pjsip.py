"""Three PJSIP phones (pjsua2) at one switch: reliable ringing, session timer, hold and resume, blind and attended transfer.

Usage: pjsip.py SWITCH:PORT PASSWORD [AUTHORITY]. With an authority's certificate (PEM) the phones speak TLS and believe nobody else. Prints one line for each step that went well; exits with 1 at the first that did not.
"""

import sys
import time

import pjsua2 as pj

SWITCH, PASSWORD = sys.argv[1], sys.argv[2]
AUTHORITY = sys.argv[3] if len(sys.argv) > 3 else None
OVER = ";transport=tls" if AUTHORITY else ""
NUMBERS = {"alice": "8001", "bob": "8002", "carol": "8003"}


class Call(pj.Call):
    """A call that remembers what has happened to it."""

    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone, call_id)
        self.phone, self.heard, self.gone = phone, [], False
        self.progress = []

    def onCallState(self, _):
        info = self.getInfo()
        self.gone = info.state == pj.PJSIP_INV_STATE_DISCONNECTED

    def onCallTsxState(self, prm):
        # Every message of the call's transactions, as text.
        whole = prm.e.body.tsxState.src.rdata.wholeMsg if prm.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG else ""
        if whole:
            self.heard.append(whole)

    def onCallTransferStatus(self, prm):
        self.progress.append(prm.statusCode)

    def is_up(self):
        return not self.gone and self.getInfo().state == pj.PJSIP_INV_STATE_CONFIRMED

    def has(self, status):
        """Whether its sound stands so. The information must outlive the look at its parts."""
        info = self.getInfo()
        return not self.gone and any(info.media[i].status == status for i in range(len(info.media)))

    def is_held(self):
        return self.has(pj.PJSUA_CALL_MEDIA_LOCAL_HOLD)

    def hears(self):
        return self.has(pj.PJSUA_CALL_MEDIA_ACTIVE)


class Phone(pj.Account):
    """One user's phone: it answers whatever comes."""

    def __init__(self, user):
        super().__init__()
        self.user, self.calls = user, []
        config = pj.AccountConfig()
        config.idUri = f"sip:{user}@{SWITCH}"
        config.regConfig.registrarUri = f"sip:{SWITCH}{OVER}"
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, PASSWORD))
        config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY if user == "alice" else pj.PJSUA_100REL_OPTIONAL
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
        config.callConfig.timerMinSESec, config.callConfig.timerSessExpiresSec = 90, 120
        self.create(config)

    def onIncomingCall(self, prm):
        call = Call(self, prm.callId)
        self.calls.append(call)
        for status in (180, 200):
            answer = pj.CallOpParam()
            answer.statusCode = status
            call.answer(answer)

    def dial(self, number):
        call = Call(self)
        self.calls.append(call)
        call.makeCall(f"sip:{number}@{SWITCH}{OVER}", pj.CallOpParam(True))
        return call


def wait(endpoint, what, holds, seconds=10):
    """Lets the phones work until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            print(f"in vain: {what}")
            sys.exit(1)
        endpoint.libHandleEvents(20)
    print(f"ok: {what}")


def main():
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    config.logConfig.level = config.logConfig.consoleLevel = 1
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    if AUTHORITY:
        transport.tlsConfig.CaListFile, transport.tlsConfig.verifyServer = AUTHORITY, True
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS if AUTHORITY else pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    alice, bob, carol = (Phone(user) for user in NUMBERS)

    def up(what, condition, seconds=10):
        wait(endpoint, what, condition, seconds)

    up("registered", lambda: all(phone.getInfo().regIsActive for phone in (alice, bob, carol)))

    call = alice.dial(NUMBERS["bob"])
    up("a phone that requires 100rel is answered", lambda: call.is_up() and bob.calls and bob.calls[-1].is_up())
    up("its 180 was reliable", lambda: any("RSeq:" in text for text in call.heard))
    up("a session timer is agreed on", lambda: any("Session-Expires: 120" in text for text in call.heard))
    call.setHold(pj.CallOpParam(True))
    up("held", call.is_held)
    again = pj.CallOpParam(True)
    again.opt.flag = pj.PJSUA_CALL_UNHOLD
    call.reinvite(again)
    up("resumed", call.hears)

    call.xfer(f"sip:{NUMBERS['carol']}@{SWITCH}{OVER}", pj.CallOpParam())
    up("blind transfer", lambda: carol.calls and carol.calls[-1].is_up() and 200 in call.progress)
    up("the transferor is let go", lambda: call.gone)
    up("the transferred phone stays", bob.calls[-1].is_up)
    bob.calls[-1].hangup(pj.CallOpParam())
    up("all hang up", lambda: bob.calls[-1].gone and carol.calls[-1].gone)

    first = alice.dial(NUMBERS["bob"])
    up("a second call", lambda: first.is_up())
    first.setHold(pj.CallOpParam(True))
    up("held again", first.is_held)
    second = alice.dial(NUMBERS["carol"])
    up("a consultation", lambda: second.is_up())
    first.xferReplaces(second, pj.CallOpParam())
    up("attended transfer", lambda: 200 in first.progress)
    up("both of the transferor's calls are over", lambda: first.gone and second.gone)
    up("the two others talk", lambda: bob.calls[-1].is_up() and carol.calls[-1].is_up())
    carol.calls[-1].hangup(pj.CallOpParam())
    up("all hang up again", lambda: bob.calls[-1].gone)
    for phone in (alice, bob, carol):
        phone.calls.clear()
        phone.shutdown()
    del call, first, second
    endpoint.libDestroy()


if __name__ == "__main__":
    main()
