//! Locks of this process.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a mutex guards, also after a thread has panicked with it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
