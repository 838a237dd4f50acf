//! What the process takes from itself before it opens anything: files for others, core dumps, reading by a debugger.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};

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
