//! `Debug` for what may hold secrets.

/// Implements `Debug` with the named fields alone: the others may hold secrets.
macro_rules! debug_only {
    ($kind:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $kind {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = formatter.debug_struct(stringify!($kind));
                $(shown.field(stringify!($field), &self.$field);)*
                shown.finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use debug_only;
