//! The lane for connections that nobody reads: one thread, one event loop, no task and no buffer
//! for a connection at rest. It also takes what arrives, and hands to the readers (HTTP, TLS) only
//! connections that a layer wants to read.

mod awake;
mod joint;
mod pipes;
mod slots;

use std::{
    io,
    net::TcpStream,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::{
    event::{
        EventfdFlags,
        epoll::{self, CreateFlags, EventData, EventFlags},
        eventfd,
    },
    io::Errno,
    net::{SocketFlags, acceptfrom_with},
    time::Timespec,
};
use socket2::SockRef;

use self::{
    awake::{AWAKE, Awake},
    joint::{BUFFER_BYTES, End, Joint, Next, Tools},
    pipes::Pipes,
    slots::Slots,
};
use crate::{
    counters::{Counters, Open},
    delay::BootTime,
    layers::Layers,
    place::{Door, Place, Way},
    upstream::{self, Exemption, Upstream},
};

/// The most connections proxied at once, two descriptors each; more wait in the backlog.
pub const MAX_CONNECTIONS: usize = 8_192;
/// How long accepting pauses when the process has no descriptor left.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Connections taken from one door before the others have their turn.
const ACCEPT_TURN: usize = 64;
/// Events looked at in one round.
const EVENTS: usize = 256;

/// Numbers of events that are no joint's: the bell, then the doors.
const BELL: u64 = u64::MAX;
const FIRST_DOOR: u64 = u64::MAX - 64;

/// Wakes the lane, and brings it connections that turned out to be nobody's to read.
#[derive(Debug, Clone)]
pub(crate) struct Bell {
    wake: Arc<OwnedFd>,
    handed: Arc<Mutex<Vec<Handed>>>,
}

/// A connection between threads.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) client: TcpStream,
    pub(crate) service: TcpStream,
    /// What was read from the client already.
    pub(crate) early: Vec<u8>,
    pub(crate) exemption: Option<Exemption>,
    pub(crate) open: Open,
}

/// A connection that somebody wants to read.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) client: TcpStream,
    pub(crate) place: Place,
    pub(crate) open: Open,
    /// When it was taken.
    pub(crate) at: BootTime,
}

/// The lane of one proxy.
pub(crate) struct Lane {
    poll: OwnedFd,
    bell: Bell,
    doors: Vec<Door>,
    /// Whether the doors are watched.
    watched: bool,
    accept_after: BootTime,
    joints: Slots<(Joint, Open)>,
    again: Vec<usize>,
    events: Vec<epoll::Event>,
    upstream: Arc<dyn Upstream>,
    layers: Layers,
    counters: Arc<Counters>,
    tools: Tools,
    awake: Awake,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Bell { wake: Arc::new(wake), handed: Arc::default() })
    }

    /// Wakes the lane.
    pub(crate) fn ring(&self) {
        // A bell that rings already needs no more.
        let _rings = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }

    /// Gives the lane a connection to carry.
    pub(crate) fn hand(&self, handed: Handed) {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner).push(handed);
        self.ring();
    }
}

impl Lane {
    pub(crate) fn new(
        doors: Vec<Door>,
        bell: Bell,
        upstream: Arc<dyn Upstream>,
        layers: Layers,
    ) -> io::Result<Lane> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &*bell.wake, EventData::new_u64(BELL), EventFlags::IN)?;
        let counters = Arc::clone(&layers.shared);
        let tools = Tools { buffer: vec![0; BUFFER_BYTES].into(), pipes: Pipes::default() };
        let mut lane = Lane {
            poll,
            bell,
            doors,
            watched: false,
            accept_after: BootTime(0),
            joints: Slots::default(),
            again: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            upstream,
            layers,
            counters,
            tools,
            awake: Awake::default(),
        };
        lane.watch(true)?;
        Ok(lane)
    }

    /// Takes no more connections.
    pub(crate) fn close_doors(&mut self) {
        self.doors.clear();
    }

    /// Whether connections may still arrive, or are carried.
    pub(crate) fn is_idle(&self) -> bool {
        self.doors.is_empty() && self.joints.is_empty() && self.again.is_empty()
    }

    /// One round: waits for events until a moment, and serves them. Connections that somebody
    /// wants to read go to `readers`.
    pub(crate) fn round(
        &mut self,
        until: BootTime,
        readers: &mut dyn FnMut(Arrived),
    ) -> io::Result<()> {
        self.mind_doors()?;
        let until = if self.watched { until } else { until.min(self.accept_after) };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        self.wait(&mut events, until)?;
        let again = std::mem::take(&mut self.again);
        for event in &events {
            let (number, flags) = (event.data.u64(), event.flags);
            match number {
                BELL => self.rung()?,
                FIRST_DOOR.. => self.accept((number - FIRST_DOOR) as usize, readers),
                _ => self.noted(number, flags),
            }
        }
        for number in again {
            self.turn(number);
        }
        self.joints.reclaim();
        self.events = events;
        Ok(())
    }

    /// Waits for events until a moment, awake at first where they are likely to come at once.
    fn wait(&mut self, events: &mut Vec<epoll::Event>, until: BootTime) -> io::Result<()> {
        let none = Timespec::default();
        let timeout = self.timeout(until);
        if timeout == Some(none) {
            return look(&self.poll, events, Some(&none));
        }
        let began = BootTime::now();
        let mut waited = Duration::ZERO;
        while self.awake.is_worth() && waited < AWAKE {
            look(&self.poll, events, Some(&none))?;
            waited = BootTime::now().since(began);
            if !events.is_empty() {
                self.awake.waited(waited);
                return Ok(());
            }
            std::thread::yield_now();
        }
        look(&self.poll, events, timeout.as_ref())?;
        self.awake.waited(BootTime::now().since(began));
        Ok(())
    }

    fn timeout(&self, until: BootTime) -> Option<Timespec> {
        let wait = match until {
            _ if !self.again.is_empty() => Duration::ZERO,
            BootTime::NEVER => return None,
            until => until.since(BootTime::now()),
        };
        Timespec::try_from(wait).ok()
    }

    /// Looks away from the doors while there is no room or no descriptor.
    fn mind_doors(&mut self) -> io::Result<()> {
        let room = self.counters.open() < MAX_CONNECTIONS as u64;
        let rested = self.accept_after == BootTime(0) || BootTime::now() >= self.accept_after;
        if !room && self.watched {
            self.accept_after = BootTime::now().after(ACCEPT_PAUSE);
            return self.watch(false);
        }
        if room && rested && !self.watched {
            self.accept_after = BootTime(0);
            return self.watch(true);
        }
        if !room && rested {
            self.accept_after = BootTime::now().after(ACCEPT_PAUSE);
        }
        Ok(())
    }

    fn watch(&mut self, watched: bool) -> io::Result<()> {
        for (at, door) in self.doors.iter().enumerate() {
            if watched {
                let number = EventData::new_u64(FIRST_DOOR + at as u64);
                epoll::add(&self.poll, door.listener(), number, EventFlags::IN)?;
            } else {
                epoll::delete(&self.poll, door.listener())?;
            }
        }
        self.watched = watched;
        Ok(())
    }

    fn rung(&mut self) -> io::Result<()> {
        let mut count = [0; 8];
        let _silent = rustix::io::read(&*self.bell.wake, &mut count);
        let handed: Vec<Handed> = {
            let mut handed = self.bell.handed.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *handed)
        };
        for one in handed {
            let client = End::new(one.client.into(), true);
            let service = End::new(one.service.into(), true);
            let joint = Joint::new(client, service, one.exemption).with_early(one.early);
            self.join(joint, one.open);
        }
        Ok(())
    }

    fn accept(&mut self, door: usize, readers: &mut dyn FnMut(Arrived)) {
        for _ in 0..ACCEPT_TURN {
            let Some(door) = self.doors.get(door) else { return };
            let (listener, way) = (door.listener(), door.way());
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match acceptfrom_with(listener, flags) {
                Ok((socket, peer)) => {
                    let open = Open::new(&self.counters);
                    let peer = peer.and_then(|peer| peer.try_into().ok());
                    if self.arrived(socket, peer, way, open, readers).is_err() {
                        self.counters.failed();
                    }
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(_none_left) => {
                    self.counters.failed();
                    self.accept_after = BootTime::now().after(ACCEPT_PAUSE);
                    let _looked_at_again = self.watch(false);
                    return;
                }
            }
        }
    }

    fn arrived(
        &mut self,
        socket: OwnedFd,
        peer: Option<std::net::SocketAddr>,
        way: Way,
        open: Open,
        readers: &mut dyn FnMut(Arrived),
    ) -> io::Result<()> {
        let client = TcpStream::from(socket);
        let placed = upstream::place(&self.upstream, way, &client, peer);
        let place = placed.inspect_err(|_| upstream::reset_on_close(&client))?;
        let at = BootTime::now();
        if self.layers.read(&place, at) {
            readers(Arrived { client, place, open, at });
            return Ok(());
        }
        let dialed = upstream::begin(&self.upstream, &place);
        let (service, exemption) = dialed.inspect_err(|_| upstream::reset_on_close(&client))?;
        let client = End::new(client.into(), true);
        // It is writable once it is connected.
        let service = End::new(service.into(), false);
        self.join(Joint::new(client, service, exemption), open);
        Ok(())
    }

    fn join(&mut self, joint: Joint, open: Open) {
        let number = self.joints.add((joint, open));
        let Some((joint, _)) = self.joints.get(number) else { return };
        let flags =
            EventFlags::IN | EventFlags::OUT | EventFlags::PRI | EventFlags::RDHUP | EventFlags::ET;
        let watch = |end: &End, side: u64| {
            let data = EventData::new_u64(2 * number as u64 + side);
            epoll::add(&self.poll, end.socket.as_fd(), data, flags)
        };
        if watch(&joint.client, 0).and_then(|()| watch(&joint.service, 1)).is_err() {
            joint.reset();
            self.counters.failed();
            self.joints.remove(number);
        }
    }

    /// Notes what an event says of one socket, and has its joint take a turn.
    fn noted(&mut self, number: u64, flags: EventFlags) {
        let at = (number / 2) as usize;
        let Some((joint, _)) = self.joints.get_mut(at) else { return };
        let end = if number.is_multiple_of(2) { &mut joint.client } else { &mut joint.service };
        end.note(flags);
        self.turn(at);
    }

    fn turn(&mut self, number: usize) {
        let Some((joint, _)) = self.joints.get_mut(number) else { return };
        match joint.turn(&mut self.tools, &self.counters) {
            Next::Wait => {}
            Next::Again => self.again.push(number),
            Next::Over => self.joints.remove(number),
            Next::Reset => {
                joint.reset();
                self.counters.failed();
                self.joints.remove(number);
            }
        }
    }
}

fn look(
    poll: &OwnedFd,
    events: &mut Vec<epoll::Event>,
    timeout: Option<&Timespec>,
) -> io::Result<()> {
    match epoll::wait(poll, rustix::buffer::spare_capacity(events), timeout) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl End {
    fn note(&mut self, flags: EventFlags) {
        let gone = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        self.hung_up |= gone;
        self.urgent |= flags.contains(EventFlags::PRI);
        self.readable |= gone || flags.contains(EventFlags::IN);
        self.writable |= flags.intersects(EventFlags::OUT | EventFlags::ERR | EventFlags::HUP);
    }
}

/// Small writes go at once, a peer that vanished is noticed, urgent bytes come in line.
pub(crate) fn options(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.set_out_of_band_inline(true)
}
