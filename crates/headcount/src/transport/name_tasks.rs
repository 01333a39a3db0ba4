//! Puts the resolver's own tasks on the event loop, where they have a name and are waited for.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use headcount_tasks::LoopExecutor;
use hickory_resolver::net::runtime::{RuntimeProvider, Spawn, TokioRuntimeProvider};

/// hickory's sockets and timers are tokio's; only its tasks are ours.
#[derive(Clone, Default)]
pub(super) struct NameTasks {
    sockets: TokioRuntimeProvider,
}

impl RuntimeProvider for NameTasks {
    type Handle = OnTheLoop;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> OnTheLoop {
        OnTheLoop
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.sockets.connect_tcp(server, bind, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        self.sockets.bind_udp(local, server)
    }
}

/// Spawns daemons of the loop that runs on this thread.
#[derive(Clone)]
pub(super) struct OnTheLoop;

impl Spawn for OnTheLoop {
    fn spawn_bg(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        LoopExecutor::new("name server").spawn(future);
    }
}
