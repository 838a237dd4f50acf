//! A phone from which nothing is heard is asked whether it is still there (OPTIONS within the dialog, RFC 3261 §11).
//!
//! A phone that was unplugged never says BYE. Silence alone proves nothing (some phones send nothing while muted), so only one that
//! does not answer, or does not know the dialog any more, is taken for gone.

use std::time::Duration;

use crate::base::LegId;
use crate::dialog;
use crate::sip::{Method, Name};

use super::Call;
use super::desk::{Desk, Purpose};
use super::leg::Stage;
use super::trace::{Way, What};

impl Call {
    /// The media plane has heard nothing from a leg for a while.
    pub(super) fn on_quiet(&mut self, desk: &mut Desk<'_>, leg: LegId, lasting: Duration) {
        let text = format!("nothing heard for {} s", lasting.as_secs());
        self.trace.add(desk.now, &What::Media { leg, text: text.into() });
        let id = self.id;
        let Some(at) = self.leg_mut(leg).filter(|at| !at.probed) else { return };
        let Stage::Up { dialog, unacked: None, .. } = &mut at.stage else { return };
        let request = dialog.request(&Method::Options).header(Name::Accept, "application/sdp");
        if let Ok(probe) = desk.layer.request(desk.now, dialog.flow(), request) {
            at.probed = true;
            desk.index.add_client(probe, (id, leg), Purpose::Probe);
            self.said(desk, leg, Way::Out, "OPTIONS");
        }
    }

    /// The answer, or that there was none.
    pub(super) fn on_probed(&mut self, desk: &mut Desk<'_>, leg: LegId, status: u16) {
        let Some(at) = self.leg_mut(leg) else { return };
        at.probed = false;
        if at.is_up() && dialog::ends_dialog(status) {
            self.note(desk, format!("{leg} is not there any more"));
            self.gone(desk, leg);
            self.lost(desk, leg);
        }
    }
}
