"""A PJSIP phone (pjsua2) that registers, watches a buddy's presence and its own mailbox, and says what it is told.

Usage: buddy.py ADDRESS PORT USER PASSWORD BUDDY
One line a piece of news on standard output: `registered`, `mailbox: ...`, `buddy: ...`. Ends when standard input does.
"""

import select
import sys

import pjsua2 as pj

address, port, user, password, buddy = sys.argv[1:]


def say(line):
    print(line, flush=True)


class Account(pj.Account):
    def onRegState(self, news):
        if news.code == 200 and news.expiration > 0:
            say("registered")

    def onMwiInfo(self, news):
        body = news.rdata.wholeMsg.split("\r\n\r\n", 1)[-1]
        say("mailbox: " + " ".join(body.split()))


class Buddy(pj.Buddy):
    def onBuddyState(self):
        info = self.getInfo()
        status = info.presStatus
        state = {pj.PJSUA_BUDDY_STATUS_ONLINE: "open", pj.PJSUA_BUDDY_STATUS_OFFLINE: "closed"}
        doing = {pj.PJRPID_ACTIVITY_BUSY: "busy", pj.PJRPID_ACTIVITY_AWAY: "away"}
        if info.subState == pj.PJSIP_EVSUB_STATE_ACTIVE:
            say("buddy: " + state.get(status.status, "unknown") + " " + doing.get(status.activity, ""))


endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
config.uaConfig.threadCnt = 0
config.uaConfig.mainThreadOnly = True
config.logConfig.level = 0
config.logConfig.consoleLevel = 0
endpoint.libInit(config)
transport = pj.TransportConfig()
transport.boundAddress = address
transport.publicAddress = address
endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
endpoint.libStart()
endpoint.audDevManager().setNullDev()

settings = pj.AccountConfig()
settings.idUri = f"sip:{user}@{address}"
settings.regConfig.registrarUri = f"sip:{address}:{port}"
settings.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
settings.mwiConfig.enabled = True
account = Account()
account.create(settings)

watched = pj.BuddyConfig()
watched.uri = f"sip:{buddy}@{address}:{port}"
watched.subscribe = True
friend = Buddy()
friend.create(account, watched)

while not select.select([sys.stdin], [], [], 0)[0]:
    endpoint.libHandleEvents(20)
account.shutdown()
endpoint.libDestroy()
