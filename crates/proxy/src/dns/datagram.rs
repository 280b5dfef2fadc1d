//! Questions over UDP: judged one by one; what passes goes on over a socket of its client's own.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{net::UdpSocket, task::JoinSet};

use super::{
    rules::{Transport, Verdict},
    serve::{Desk, Judged, connect_udp},
};
use crate::{delay::BootTime, lane::ACCEPT_PAUSE};

/// The most clients of one door whose answers are awaited; a datagram beyond is lost, as
/// datagrams are.
const FLOWS_MAX: usize = 2_048;
/// The most messages held or looked up at once, for the same reason.
const TASKS_MAX: usize = 16_384;
/// How long an answer of the real resolver is awaited.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a socket stays for repeats once everything was answered.
const REST: Duration = Duration::from_millis(100);

struct Udp {
    desk: Arc<Desk>,
    socket: UdpSocket,
    flows: Mutex<HashMap<SocketAddr, Arc<Flow>>>,
}

/// What one client has under way.
struct Flow {
    upstream: UdpSocket,
    /// Messages sent and not answered.
    pending: AtomicU64,
    /// When nothing more is awaited.
    end_ns: AtomicU64,
}

pub(super) async fn serve(desk: Arc<Desk>, door: usize, socket: UdpSocket) {
    let udp = Arc::new(Udp { desk, socket, flows: Mutex::default() });
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            readable = udp.socket.readable() => {
                let received = match readable.and_then(|()| udp.receive()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    received => received,
                };
                match (received, udp.desk.origins.of(door)) {
                    (Ok((message, client)), Some(origin)) if tasks.len() < TASKS_MAX => {
                        handle(&udp, &mut tasks, message, client, origin).await;
                    }
                    (Ok(_), _) => udp.desk.counters.failed(),
                    (Err(_), _) => {
                        udp.desk.counters.failed();
                        udp.desk.timer.until(BootTime::now().after(ACCEPT_PAUSE)).await;
                    }
                }
            }
            Some(_ended) = tasks.join_next() => {}
        }
    }
}

async fn handle(
    udp: &Arc<Udp>,
    tasks: &mut JoinSet<()>,
    message: Vec<u8>,
    client: SocketAddr,
    origin: SocketAddr,
) {
    let Judged { verdict, armed, query } = udp.desk.judge(&message, Transport::Udp);
    match (verdict, armed, query) {
        (Verdict::Reply(reply), ..) => {
            udp.desk.counters.hurt();
            udp.answer(&reply, client).await;
        }
        (Verdict::Silence, ..) => udp.desk.counters.hurt(),
        (Verdict::Hold(asked), Some(armed), _) => {
            let udp = Arc::clone(udp);
            tasks.spawn(async move {
                udp.desk.hold(asked, &armed).await;
                if let Some((flow, true)) = udp.forward(&message, client, origin).await {
                    udp.listen(flow, client).await;
                }
            });
        }
        (Verdict::Alias { name, ttl_s }, _, Some(query)) => {
            let udp = Arc::clone(udp);
            tasks.spawn(async move {
                let alias = (&name, ttl_s);
                let reply = udp.desk.alias(origin, Transport::Udp, &message, &query, alias);
                udp.answer(&reply.await, client).await;
            });
        }
        _ => {
            if let Some((flow, true)) = udp.forward(&message, client, origin).await {
                let udp = Arc::clone(udp);
                tasks.spawn(async move { udp.listen(flow, client).await });
            }
        }
    }
}

impl Udp {
    fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut scratch = lock(&self.desk.scratch);
        let (count, client) = self.socket.try_recv_from(&mut scratch)?;
        Ok((scratch[..count].to_vec(), client))
    }

    async fn answer(&self, reply: &[u8], client: SocketAddr) {
        if self.socket.send_to(reply, client).await.is_err() {
            self.desk.counters.failed();
        }
    }

    /// Sends a message on; returns its flow and whether that is new and wants a listener.
    async fn forward(
        &self,
        message: &[u8],
        client: SocketAddr,
        origin: SocketAddr,
    ) -> Option<(Arc<Flow>, bool)> {
        let known = lock(&self.flows).get(&client).cloned();
        let (flow, new) = match known {
            Some(flow) => (flow, false),
            None => match self.open(client, origin).await {
                Ok(flow) => (flow, true),
                Err(_error) => {
                    self.desk.counters.failed();
                    return None;
                }
            },
        };
        flow.pending.fetch_add(1, Relaxed);
        flow.end_ns.store(BootTime::now().after(ANSWER_PATIENCE).0, Relaxed);
        self.desk.counters.forwarded();
        if flow.upstream.send(message).await.is_err() {
            self.desk.counters.failed();
        }
        Some((flow, new))
    }

    async fn open(&self, client: SocketAddr, origin: SocketAddr) -> io::Result<Arc<Flow>> {
        if lock(&self.flows).len() >= FLOWS_MAX {
            return Err(io::Error::other("too many clients at once"));
        }
        let upstream = connect_udp(origin).await?;
        let flow = Flow { upstream, pending: AtomicU64::new(0), end_ns: AtomicU64::new(0) };
        let flow = Arc::new(flow);
        lock(&self.flows).insert(client, Arc::clone(&flow));
        Ok(flow)
    }

    /// Passes answers back to their client until none is awaited.
    async fn listen(&self, flow: Arc<Flow>, client: SocketAddr) {
        loop {
            let end = BootTime(flow.end_ns.load(Relaxed));
            if BootTime::now() >= end {
                break;
            }
            tokio::select! {
                readable = flow.upstream.readable() => {
                    match readable.and_then(|()| self.receive_from(&flow)) {
                        Ok(answer) => {
                            self.answer(&answer, client).await;
                            if flow.pending.fetch_sub(1, Relaxed) <= 1 {
                                flow.pending.store(0, Relaxed);
                                flow.end_ns.store(BootTime::now().after(REST).0, Relaxed);
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_refused) => {
                            self.desk.counters.failed();
                            break;
                        }
                    }
                }
                () = self.desk.timer.until(end) => {}
            }
        }
        lock(&self.flows).remove(&client);
    }

    fn receive_from(&self, flow: &Flow) -> io::Result<Vec<u8>> {
        let mut scratch = lock(&self.desk.scratch);
        let count = flow.upstream.try_recv(&mut scratch)?;
        Ok(scratch[..count].to_vec())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
