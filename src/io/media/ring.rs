//! An io_uring with buffers that the kernel fills: everything of the back end that is `unsafe`, and nothing else.
//!
//! Why unsafe at all: the kernel reads and writes memory that it was told of by address. The reasons why each address is
//! good stand with each block; together they are:
//! * all memory the kernel is told of is mapped once, belongs to [`Ring`], and is unmapped after the ring was closed and
//!   every request cancelled (`Drop`);
//! * a buffer is the kernel's from [`Ring::give`] (or [`Ring::send`]) until its completion is taken by [`Ring::next`];
//!   in between no reference to it exists, because [`Ring::buffer`] gives one only for a buffer that is `Ours`.
//!
//! Invariant: a buffer is in exactly one of three places: the kernel's ring, a request, or ours.
#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::mm::{MapFlags, ProtFlags};
use socket2::SockAddr;

/// Buffers of one ring: what comes in 10 ms at 50 000 datagrams a second. With none left datagrams wait in their sockets.
const BUFFERS: u16 = 512;
/// How many of them the kernel has at first. It goes through all that it has, so that each costs memory however little comes.
const FIRST_BUFFERS: u16 = 64;
/// Requests that wait for the next submission; one more is submitted at once.
const REQUESTS: u32 = 1_024;
/// The group that the buffers are registered as.
const GROUP: u16 = 0;
/// What the kernel writes before the datagram: its own header and the sender's address.
const HEAD: usize = 16;
const NAME: usize = size_of::<libc::sockaddr_in6>();
const FRONT: usize = HEAD + NAME;

/// See the module.
pub(super) struct Ring {
    /// Dropped first: after it the kernel knows none of the memory below.
    ring: IoUring,
    /// The ring of free buffers, written here and read by the kernel.
    free: Map,
    tail: u16,
    /// `BUFFERS` times `stride` octets.
    memory: Map,
    stride: usize,
    /// Octets of a buffer that the kernel may fill.
    fill: usize,
    ours: Box<[bool]>,
    /// How many buffers have ever been lent to the kernel; those behind have never been touched.
    lent: u16,
    /// Where each buffer that is being sent goes: the kernel reads the address from here.
    targets: Box<[Option<SockAddr>]>,
    /// What multishot receives read as their template.
    template: Box<libc::msghdr>,
    enabled: bool,
}

// The pointers of the template and the maps are to memory of the ring itself; nothing of it is tied to a thread.
unsafe impl Send for Ring {}

/// A completion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub token: u64,
    /// Octets, or the error's number negated.
    pub result: i32,
    /// The request goes on.
    pub more: bool,
    /// The buffer that the kernel filled.
    pub buffer: Option<u16>,
}

/// A datagram in a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    pub from: SocketAddr,
    /// Octets; 0 for one that was longer than the buffer.
    pub len: usize,
}

/// A private mapping of zeroed memory.
struct Map {
    start: NonNull<u8>,
    len: usize,
}

impl Map {
    fn new(len: usize) -> io::Result<Map> {
        // Sound: a new mapping at a place of the kernel's choice touches no other memory.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Map { start, len })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // Sound: mapped by `new` with this length, and nothing refers to it when its owner goes.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

impl Ring {
    /// A ring with buffers for datagrams of up to `datagram` octets and `spare` more behind them.
    ///
    /// # Errors
    /// When the kernel is older than 6.1, forbids io_uring, or has no memory for it: take the other back end.
    pub(super) fn new(datagram: usize, spare: usize) -> io::Result<Ring> {
        let ring = IoUring::builder()
            .setup_r_disabled()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(4 * REQUESTS)
            .build(REQUESTS)?;
        let fill = FRONT + datagram;
        let stride = (fill + spare).next_multiple_of(64);
        let memory = Map::new(stride * usize::from(BUFFERS))?;
        let free = Map::new(size_of::<BufRingEntry>() * usize::from(BUFFERS))?;
        // Sound: the mapping is page-aligned, has room for as many entries, and lives as long as the ring.
        unsafe {
            let start = free.start.as_ptr() as u64;
            ring.submitter().register_buf_ring_with_flags(start, BUFFERS, GROUP, 0)?;
        }
        // Sound: all zeroes is a valid msghdr; it has no pointers, only the length of the name that is wanted.
        let mut template: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        template.msg_namelen = NAME as libc::socklen_t;
        let mut ring = Ring {
            ring,
            free,
            tail: 0,
            memory,
            stride,
            fill,
            ours: vec![true; BUFFERS.into()].into_boxed_slice(),
            lent: 0,
            targets: vec![None; BUFFERS.into()].into_boxed_slice(),
            template,
            enabled: false,
        };
        ring.lend(FIRST_BUFFERS);
        Ok(ring)
    }

    /// Lets the kernel have so many buffers more, as far as there are any.
    fn lend(&mut self, more: u16) {
        let from = self.lent;
        self.lent = from.saturating_add(more).min(BUFFERS);
        for buffer in from..self.lent {
            self.give(buffer);
        }
    }

    /// The kernel ran out of buffers: doubles what it has, as far as there is room.
    pub(super) fn lend_more(&mut self) {
        self.lend(self.lent);
    }

    /// Lets the kernel have a buffer (back).
    pub(super) fn give(&mut self, buffer: u16) {
        let Some(ours) = self.ours.get_mut(usize::from(buffer)).filter(|ours| **ours) else { return };
        *ours = false;
        let place = usize::from(self.tail & (BUFFERS - 1));
        let entries = self.free.start.as_ptr().cast::<BufRingEntry>();
        // Sound: `place` is below the number of entries that were mapped; the kernel reads an entry only after the tail
        // is past it, which is stored behind it. The tail lies in the first entry, in octets that no entry uses.
        unsafe {
            let entry = &mut *entries.add(place);
            entry.set_addr(self.memory.start.as_ptr().add(usize::from(buffer) * self.stride) as u64);
            entry.set_len(self.fill as u32);
            entry.set_bid(buffer);
            self.tail = self.tail.wrapping_add(1);
            AtomicU16::from_ptr(BufRingEntry::tail(entries).cast_mut()).store(self.tail, Ordering::Release);
        }
    }

    /// The octets of a buffer of ours, from the datagram on; `None` while the kernel has it.
    pub(super) fn buffer(&mut self, buffer: u16) -> Option<&mut [u8]> {
        self.whole(buffer)?.get_mut(FRONT..)
    }

    /// What a completed receive left in a buffer of ours.
    pub(super) fn received(&mut self, buffer: u16, octets: i32) -> Option<Received> {
        let whole = self.whole(buffer)?;
        let octets = whole.get(..usize::try_from(octets).ok()?)?;
        let field = |at: usize| octets.get(at..at + 4)?.first_chunk().map(|four| u32::from_ne_bytes(*four));
        let (payload, flags) = (field(8)? as usize, field(12)?);
        let from = address(octets.get(HEAD..FRONT)?)?;
        let cut = flags & libc::MSG_TRUNC as u32 != 0 || payload > octets.len().saturating_sub(FRONT);
        Some(Received { from, len: if cut { 0 } else { payload } })
    }

    fn whole(&mut self, buffer: u16) -> Option<&mut [u8]> {
        self.ours.get(usize::from(buffer)).filter(|ours| **ours)?;
        // Sound: in bounds, initialised by the mapping, and not the kernel's while it is ours; borrowed from `self`.
        Some(unsafe {
            std::slice::from_raw_parts_mut(
                self.memory.start.as_ptr().add(usize::from(buffer) * self.stride),
                self.stride,
            )
        })
    }

    /// Receives every datagram of a socket, until it fails or is cancelled.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let fd = Fd(socket.as_raw_fd());
        let request = opcode::RecvMsgMulti::new(fd, &raw const *self.template, GROUP).build();
        self.push(request.user_data(token))
    }

    /// Sends octets of a buffer of ours (as in [`Ring::buffer`]); it is the kernel's until the completion. `to` is `None`
    /// on a connected socket.
    pub(super) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        token: u64,
        buffer: u16,
        place: Range<usize>,
        to: Option<SocketAddr>,
    ) -> io::Result<()> {
        let octets =
            self.buffer(buffer).and_then(|octets| octets.get(place)).ok_or(io::ErrorKind::InvalidInput)?;
        let (start, len) = (octets.as_ptr(), octets.len() as u32);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let mut request = opcode::Send::new(Fd(socket.as_raw_fd()), start, len).flags(flags);
        let target = &mut self.targets[usize::from(buffer)];
        *target = to.map(SockAddr::from);
        if let Some(target) = target {
            request = request.dest_addr(target.as_ptr().cast()).dest_addr_len(target.len());
        }
        self.push(request.build().user_data(token))?;
        self.ours[usize::from(buffer)] = false;
        Ok(())
    }

    /// A completed send gives its buffer back to us.
    pub(super) fn sent(&mut self, buffer: u16) {
        if let Some(ours) = self.ours.get_mut(usize::from(buffer)) {
            *ours = true;
        }
    }

    /// Tells with `token` each time that a descriptor becomes readable.
    pub(super) fn watch(&mut self, descriptor: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let poll = opcode::PollAdd::new(Fd(descriptor.as_raw_fd()), libc::POLLIN as u32).multi(true).build();
        self.push(poll.user_data(token))
    }

    /// Ends the request of `token`; its last completion follows.
    pub(super) fn cancel(&mut self, token: u64, own_token: u64) -> io::Result<()> {
        self.push(opcode::AsyncCancel::new(token).build().user_data(own_token))
    }

    fn push(&mut self, request: squeue::Entry) -> io::Result<()> {
        loop {
            // Sound: every address in a request is of memory that the ring owns (buffers, targets, template), and stays
            // as it is until the request completes: see the module.
            match unsafe { self.ring.submission().push(&request) } {
                Ok(()) => return Ok(()),
                Err(squeue::PushError { .. }) => {
                    self.enable()?;
                    self.ring.submit()?;
                }
            }
        }
    }

    /// A ring is used by the one thread that enables it.
    fn enable(&mut self) -> io::Result<()> {
        if !self.enabled {
            self.ring.submitter().register_enable_rings()?;
            self.enabled = true;
        }
        Ok(())
    }

    /// Submits what waits, and waits until so many requests have completed, at most `wait`.
    ///
    /// # Errors
    /// Only those after which waiting again is of no use.
    pub(super) fn wait(&mut self, wait: Option<Duration>, many: usize) -> io::Result<()> {
        self.enable()?;
        let span = wait.map(|wait| Timespec::new().sec(wait.as_secs()).nsec(wait.subsec_nanos()));
        let mut arguments = SubmitArgs::new();
        if let Some(span) = &span {
            arguments = arguments.timespec(span);
        }
        match self.ring.submitter().submit_with_args(many, &arguments) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // Time is over; a signal; completions are to be taken first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// The next completion. A buffer that it names is ours from now on.
    pub(super) fn next(&mut self) -> Option<Done> {
        let entry = self.ring.completion().next()?;
        let buffer = cqueue::buffer_select(entry.flags());
        if let Some(buffer) = buffer {
            self.sent(buffer);
        }
        let more = cqueue::more(entry.flags());
        Some(Done { token: entry.user_data(), result: entry.result(), more, buffer })
    }
}

impl Done {
    /// Whether a receive ended because the kernel had no buffer for it.
    pub(super) fn starved(&self) -> bool {
        self.result == -libc::ENOBUFS
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The sockets are free again when this returns, and the kernel writes into no buffer any more.
        let _ = self.enable();
        let _ = self.ring.submit();
        let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
    }
}

/// A socket address as the kernel writes it.
fn address(name: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*name.first_chunk()?);
    let port = u16::from_be_bytes(*name.get(2..4)?.first_chunk()?);
    match i32::from(family) {
        libc::AF_INET => {
            let ip: [u8; 4] = *name.get(4..8)?.first_chunk()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), port))
        }
        libc::AF_INET6 => {
            let number =
                |at: usize| name.get(at..at + 4)?.first_chunk().map(|four| u32::from_ne_bytes(*four));
            let ip: [u8; 16] = *name.get(8..24)?.first_chunk()?;
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, number(4)?.to_be(), number(24)?).into())
        }
        _ => None,
    }
}
