//! The connections of a listener: no more than there may be, and strangers give way.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::{AbortHandle, JoinSet};

/// Connections that are open. If it is dropped, they are closed.
pub(crate) struct Connections {
    most: usize,
    tasks: JoinSet<()>,
    /// The oldest first, each with whether a token was shown over it.
    open: VecDeque<(AbortHandle, Arc<AtomicBool>)>,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, tasks: JoinSet::new(), open: VecDeque::new() }
    }

    /// Whether another one may be opened. Otherwise it waits in the operating system.
    pub(crate) fn has_room(&self) -> bool {
        self.tasks.len() < self.most || self.stranger().is_some()
    }

    /// Opens a connection. If there are as many as there may be, the oldest one is closed over which no token was shown.
    pub(crate) fn add(
        &mut self,
        is_known: Arc<AtomicBool>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        if self.tasks.len() >= self.most
            && let Some((stranger, _)) = self.stranger().and_then(|place| self.open.remove(place))
        {
            stranger.abort();
        }
        let handle = self.tasks.spawn(connection);
        self.open.push_back((handle, is_known));
    }

    /// Waits until a connection has ended, if one is open.
    pub(crate) async fn next_end(&mut self) -> Option<()> {
        self.tasks.join_next().await?.ok();
        self.open.retain(|(connection, _)| !connection.is_finished());
        Some(())
    }

    fn stranger(&self) -> Option<usize> {
        let is_stranger = |(connection, is_known): &(AbortHandle, Arc<AtomicBool>)| {
            !connection.is_finished() && !is_known.load(Ordering::Relaxed)
        };
        self.open.iter().position(is_stranger)
    }
}
