//! The devices of this machine, as the server knows them.

use crate::device::Devices;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long an answer is believed where somebody wants to see free memory.
const FRESH: Duration = Duration::from_secs(10);

/// What was last heard of the devices. Copies share it.
#[derive(Clone, Debug)]
pub struct DeviceList {
    ask: fn() -> Devices,
    last: Arc<Mutex<Option<(Instant, Devices)>>>,
}

impl DeviceList {
    /// What a function finds, which may take seconds: [`Devices::ask`].
    pub fn of(ask: fn() -> Devices) -> DeviceList {
        DeviceList {
            ask,
            last: Arc::default(),
        }
    }

    /// The devices, with their free memory of the last ten seconds.
    pub async fn now(&self) -> Devices {
        self.not_older_than(FRESH).await
    }

    /// The devices as they were last seen: which cards there are changes seldom, and looking takes some of their memory.
    pub async fn known(&self) -> Devices {
        self.not_older_than(Duration::MAX).await
    }

    async fn not_older_than(&self, age: Duration) -> Devices {
        let mut last = self.last.lock().await;
        if let Some((at, devices)) = &*last
            && at.elapsed() <= age
        {
            return devices.clone();
        }
        let devices = tokio::task::spawn_blocking(self.ask)
            .await
            .unwrap_or_else(|error| {
                Devices::without_cards(format!("looking for cards failed: {error}"))
            });
        *last = Some((Instant::now(), devices.clone()));
        devices
    }
}
