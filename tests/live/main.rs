//! Live tests: the built binary as a process of its own, and phones that others wrote: SIPp, baresip and PJSIP.
//!
//! They run with `LEDGERLINE_LIVE=1`, as root, in namespaces of their own (`world`); else each says that it was skipped.
//! Nothing waits for a time to pass: conditions are polled, with deadlines.

mod baresip;
mod ear;
mod node;
mod probe;
mod scenario;
mod sipp;
mod talk;
mod world;

mod besides;
mod buddy;
mod calls;
mod crash;
mod dialogs;
mod dns;
mod flows;
mod full_disk;
mod groups;
mod judged;
mod lamps;
mod many;
mod phones;
mod pjsip;
mod playback;
mod release;
mod screening;
mod secure;
mod supervision;
mod torture;
mod trunk;
mod within;
