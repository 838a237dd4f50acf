//! What a phone knows of one call of its own.

use std::net::SocketAddr;

use ledgerline::base::Time;

use crate::world::sdp::Session;

/// Who called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Caller,
    Callee,
}

/// How a dialog came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The INVITE was refused with this status, by either side.
    Refused(u16),
    /// The INVITE was cancelled.
    Cancelled,
    /// This phone sent BYE and was answered.
    HungUp,
    /// The far side sent BYE.
    FarSideHungUp,
    /// The INVITE got no final answer.
    NoAnswer,
    /// This phone sent BYE and was not answered.
    Unanswered,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The INVITE is out, or is here and not answered.
    Inviting,
    /// CANCEL is wanted or out.
    Cancelling,
    /// This phone has answered and waits for the ACK.
    Answered,
    /// Both sides have agreed.
    Confirmed,
    /// BYE is out.
    Leaving,
    /// Over.
    Over(How),
}

/// One call as one phone sees it.
#[derive(Debug, Clone)]
pub struct Dialog {
    pub side: Side,
    pub stage: Stage,
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    /// Our URI and theirs, as From and To have them.
    pub local: String,
    pub remote: String,
    /// Where requests go.
    pub target: String,
    pub cseq: u32,
    /// The far side's last CSeq.
    pub remote_cseq: u32,
    /// The CSeq of the far side's last INVITE.
    pub remote_invite: u32,
    pub session: Session,
    pub confirmed_at: Option<Time>,
    pub over_at: Option<Time>,
    /// An ACK whose arrival the sender cannot know of, by its receipt.
    pub unsure: Option<u64>,
    /// A re-INVITE of this phone is out.
    pub renewing: bool,
    /// Hang up as soon as that is allowed.
    pub leaving: bool,
    /// Every status heard on the INVITEs of this dialog, 100 apart.
    pub statuses: Vec<u16>,
    /// The Reason headers heard.
    pub reasons: Vec<String>,
    /// How often the INVITE has been sent with credentials, or a re-INVITE tried again.
    pub proofs: u32,
    /// The switch's descriptions in this dialog, each with its origin line.
    pub descriptions: Vec<(String, String)>,
    /// Whether the far side has had a description already.
    pub described: bool,
    /// What this phone's side of the session was before the re-INVITE that is out.
    pub undo: Option<Session>,
    /// The RSeq of the far side's last reliable response.
    pub rseq: Option<u32>,
}

impl Dialog {
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    /// Whether it was ever confirmed.
    pub fn was_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }

    /// Whether nothing is on its way that could change it.
    pub fn is_settled(&self) -> bool {
        self.stage == Stage::Confirmed && self.unsure.is_none() && !self.renewing
    }

    /// The switch's RTP address for it.
    pub fn far_media(&self) -> Option<SocketAddr> {
        self.session.there.as_ref().map(|there| there.rtp)
    }
}
