//! One after the other, in the order of asking, whichever threads do it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A queue.
#[derive(Default, Debug)]
pub struct Turns {
    /// (the next number, whose turn it is)
    numbers: Mutex<(u64, u64)>,
    passed: Condvar,
}

/// A place in the queue; when it is dropped, the next one's turn has come.
pub struct Turn {
    turns: Arc<Turns>,
    number: u64,
}

impl Turns {
    /// Queue up.
    pub fn take(self: &Arc<Self>) -> Turn {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.0;
        numbers.0 = number.wrapping_add(1);
        Turn { turns: self.clone(), number }
    }
}

impl Turn {
    /// Wait for it.
    pub fn wait(&self) {
        let numbers = self.turns.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.turns.passed.wait_while(numbers, |(_, current)| *current != self.number));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // One that is given up before its turn has come still waits for those before it.
        self.wait();
        let mut numbers = self.turns.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.1 = self.number.wrapping_add(1);
        self.turns.passed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_asking() {
        let turns = Arc::new(Turns::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        let queued: Vec<_> = (0..8).map(|number| (number, turns.take())).collect();
        let threads: Vec<_> = queued
            .into_iter()
            .rev()
            .map(|(number, turn)| {
                let order = order.clone();
                std::thread::spawn(move || {
                    turn.wait();
                    order.lock().unwrap().push(number);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
