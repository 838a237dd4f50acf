//! Rules that vault, plans and calls are held to: pure values, without a file, a clock or a socket.

pub mod approval;
pub mod disclosure;
pub mod needs;
pub mod personal;
pub mod retention;
pub mod role;
pub mod words;
