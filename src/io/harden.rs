//! What the process takes from itself before it opens anything: files for others, core dumps, reading by a debugger.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};

/// Files and sockets are the owner's alone (umask 077), a crash leaves no memory image that could hold keys, and no other
/// process of the user may attach.
///
/// A failure is reported and survived: a container may forbid it, and the switch is more use running.
pub fn process() {
    umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process stays readable by a debugger");
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps stay possible");
    }
}

/// Keeps the memory of this process out of swap, all of it: a key is copied by being moved, so that no single page holds it.
/// Pages are locked as they are touched. Where the limit is finite nothing is locked, because an allocation that passes it would
/// fail in the middle of a call; `doctor` says so. False then.
pub fn lock_memory() -> bool {
    let limit = getrlimit(Resource::Memlock);
    let endless = Rlimit { current: None, maximum: None };
    let free = limit.current.is_none() || setrlimit(Resource::Memlock, endless).is_ok();
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    match free.then(|| mlockall(flags)) {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            tracing::warn!(%error, "memory is not locked: keys may be written to swap");
            false
        }
        None => {
            let limit = limit.current.unwrap_or_default();
            tracing::warn!(
                limit,
                "memory is not locked (RLIMIT_MEMLOCK): keys may be written to swap; `doctor` says more"
            );
            false
        }
    }
}
