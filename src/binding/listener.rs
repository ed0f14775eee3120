//! Events on their way from the reactor's thread into a JavaScript environment.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{FnArgs, Function};
use napi::threadsafe_function::{ThreadsafeCallContext, ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};

use super::counted::Counted;
use crate::reactor::{self, Event, Listener};

/// What `listen`'s callback takes: kind, id, and three values that depend on the kind.
pub type Callback = FnArgs<(u32, u32, i32, Option<Vec<f64>>, Option<Counted>)>;

/// Weak: a listener keeps no event loop alive by being there, only while `hold` says so.
type Channel = ThreadsafeFunction<Event, (), Callback, Status, false, true>;

const EXIT: u32 = 0;
const READY: u32 = 1;

/// One JavaScript environment: the main thread's or a Worker's.
pub struct Environment {
    /// One for each time that the JS face was loaded: thrown out of `require.cache`, it comes a second time, and the
    /// first still waits for its processes. Each knows its own ids and is told of all. Node before 24.14 calls into
    /// freed memory when a thread uses a Worker's function after the Worker, so they are taken away under this lock.
    channels: Mutex<Vec<Channel>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Environment>>> = const { RefCell::new(None) };
}

impl Environment {
    /// The environment of this thread.
    pub fn of(env: &Env) -> Arc<Environment> {
        CURRENT.with_borrow_mut(|current| current.get_or_insert_with(|| Environment::new(env)).clone())
    }

    fn new(env: &Env) -> Arc<Environment> {
        let environment = Arc::new(Environment { channels: Mutex::default() });
        // An environment that is ending already registers nothing and hears nothing.
        let _ = env.add_env_cleanup_hook(environment.clone(), |environment| {
            CURRENT.with_borrow_mut(Option::take);
            environment.close();
        });
        environment
    }

    fn close(self: Arc<Self>) {
        let channels = std::mem::take(&mut *self.channels());
        drop(channels);
        if let Ok(reactor) = reactor::get() {
            let listener: Arc<dyn Listener> = self;
            reactor.drop_pipes_of(&listener);
        }
    }

    fn channels(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where events go, too, from now on; the number is for [`Environment::hold`].
    pub fn listen(&self, env: &Env, callback: Function<Callback, ()>) -> Result<u32> {
        let mut channel: Channel = callback
            .build_threadsafe_function::<Event>()
            .weak::<true>()
            .build_callback(|context: ThreadsafeCallContext<Event>| Ok(arguments(context.value)))?;
        unhold(&mut channel, env)?;
        let mut channels = self.channels();
        channels.push(channel);
        Ok(channels.len() as u32 - 1)
    }

    /// Keep the event loop alive, or let it go.
    pub fn hold(&self, env: &Env, channel: u32, hold: bool) -> Result<()> {
        match self.channels().get_mut(channel as usize) {
            Some(channel) if hold => rehold(channel, env),
            Some(channel) => unhold(channel, env),
            None => Ok(()),
        }
    }
}

// Deprecated in favour of cloning and dropping strong functions, which cannot be done to one that exists already.
#[allow(deprecated)]
fn rehold(channel: &mut Channel, env: &Env) -> Result<()> {
    channel.refer(env)
}

#[allow(deprecated)]
fn unhold(channel: &mut Channel, env: &Env) -> Result<()> {
    channel.unref(env)
}

impl Listener for Environment {
    fn tell(&self, event: Event) {
        for channel in &*self.channels() {
            channel.call(event.clone(), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

fn arguments(event: Event) -> Callback {
    match event {
        Event::Exit(id, exit) => {
            (EXIT, id, exit.status, Some(exit.usage.to_vec()), exit.stats.map(|stats| Counted::from(*stats)))
                .into()
        }
        Event::Readable(id) => (READY, id, 0, None, None).into(),
        Event::Writable(id) => (READY, id, 1, None, None).into(),
    }
}
