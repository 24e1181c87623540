//! The connections: one thread that writes, and readers beside it.

use super::feed::{Feed, Message};
use super::schema::migrate;
use super::{Home, StoreError, StoreResult};
use crate::run::RunId;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

const READERS: usize = 4;

type Job = Box<dyn FnOnce(&mut Connection, &Feed) + Send>;

/// The database of a home folder. Copies share it.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
    feed: Arc<Feed>,
    home: Home,
}

struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// A change in the making: what is told goes out after the commit.
pub(super) struct Change<'a> {
    pub tx: Transaction<'a>,
    messages: Vec<(RunId, Message)>,
    changed: Vec<RunId>,
    data_changed: bool,
}

impl Change<'_> {
    /// Queues a message for the run's watchers.
    pub fn tell(&mut self, run: RunId, message: Message) {
        self.messages.push((run, message));
        self.changed(run);
    }

    /// Marks a run as changed for lists of runs.
    pub fn changed(&mut self, run: RunId) {
        if !self.changed.contains(&run) {
            self.changed.push(run);
        }
    }

    /// Marks datasets or their inspections as changed.
    pub fn data_changed(&mut self) {
        self.data_changed = true;
    }
}

impl Store {
    /// Opens the database of a home, makes or migrates it, and starts the writing thread.
    pub fn open(home: &Home) -> StoreResult<Store> {
        let path = home.database();
        let mut connection = Connection::open(&path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(128);
        migrate(&mut connection)?;

        let feed = Arc::new(Feed::new());
        let (jobs, queue) = mpsc::channel::<Job>();
        let told = feed.clone();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                for job in queue {
                    // A change that panics is rolled back as its transaction is dropped; the next one still gets its turn.
                    let _ = catch_unwind(AssertUnwindSafe(|| job(&mut connection, &told)));
                }
            })
            .map_err(|source| StoreError::Io {
                what: "starting the database's thread".to_owned(),
                source,
            })?;
        Ok(Store {
            jobs,
            readers: Arc::new(Readers {
                path,
                idle: Mutex::default(),
                permits: Semaphore::new(READERS),
            }),
            feed,
            home: home.clone(),
        })
    }

    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Runs a change in a transaction on the writing thread; after the commit its messages go out.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Change) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let job = move |connection: &mut Connection, feed: &Feed| {
            // One who gave up waiting has lost the answer, not the change.
            let _ = reply.send(commit(connection, feed, change));
        };
        self.jobs
            .send(Box::new(job))
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs a query on a reading connection, off the asynchronous threads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let readers = self.readers.clone();
        let _permit = self
            .readers
            .permits
            .acquire()
            .await
            .map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(move || {
            let idle = readers.lock().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => readers.connect()?,
            };
            // Several statements of one query see one state of the database.
            let tx = connection.unchecked_transaction()?;
            let result = query(&tx);
            tx.finish()?;
            readers.lock().push(connection);
            result
        })
        .await
        .map_err(|_| StoreError::Closed)?
    }
}

fn commit<T>(
    connection: &mut Connection,
    feed: &Feed,
    change: impl FnOnce(&mut Change) -> StoreResult<T>,
) -> StoreResult<T> {
    let mut writing = Change {
        tx: connection.transaction_with_behavior(TransactionBehavior::Immediate)?,
        messages: Vec::new(),
        changed: Vec::new(),
        data_changed: false,
    };
    let result = change(&mut writing)?;
    let Change {
        tx,
        messages,
        changed,
        data_changed,
    } = writing;
    tx.commit()?;
    for (run, message) in messages {
        feed.tell(run, message);
    }
    for run in changed {
        feed.changed(run);
    }
    if data_changed {
        feed.data_changed();
    }
    Ok(result)
}

impl Readers {
    fn connect(&self) -> StoreResult<Connection> {
        let connection = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
