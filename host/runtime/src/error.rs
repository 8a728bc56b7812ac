//! How a call can end without an answer. Display is one sentence with the figure and the limit, fit for an API
//! client; `detail` holds backtraces for the plugin's log.

use crate::event::PluginError;

/// Why a call returned no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// WebAssembly trapped, or the plugin exited.
    #[error("the plugin crashed: {reason}")]
    Trap { reason: String, detail: String },
    #[error("the plugin used up its {limit} units of fuel")]
    Fuel { limit: u64, detail: String },
    #[error("the plugin used {used_ms} ms of processor time; {limit_ms} ms are allowed")]
    Deadline { limit_ms: u32, used_ms: u64, detail: String },
    /// The node did not give the plugin its processor time.
    #[error(
        "the plugin was not finished after {elapsed_ms} ms, of which the server gave it {used_ms} ms of processor time; \
         {limit_ms} ms are allowed"
    )]
    Wall { limit_ms: u32, elapsed_ms: u64, used_ms: u64, detail: String },
    /// A plugin's clock is virtual, so sleeping costs no time; sleeping too long is still an error.
    #[error(
        "the plugin tried to sleep for {asked_ms} ms in total; a call may take at most {limit_ms} ms"
    )]
    Sleep { limit_ms: u32, asked_ms: u64, detail: String },
    #[error("the plugin tried to use {asked} bytes of memory; at most {limit} are allowed")]
    Memory { limit: u64, asked: u64, detail: String },
    #[error("the plugin tried to use {asked} table elements; at most {limit} are allowed")]
    Table { limit: u64, asked: u64, detail: String },
    /// Not the plugin's fault: the event is larger than the installation allows.
    #[error("the event for the plugin has {size} bytes; at most {limit} are allowed")]
    Input { limit: u32, size: u64 },
    #[error("the plugin's answer has more than the {limit} bytes that are allowed")]
    Output { limit: u32 },
    #[error("the plugin called the host more than the {limit} times that are allowed")]
    HostCalls { limit: u32, detail: String },
    #[error("the plugin's answer is invalid: {reason}")]
    BadOutput { reason: String },
    /// The plugin's own error.
    #[error(transparent)]
    Guest(#[from] PluginError),
}

impl CallError {
    pub(super) fn trap(reason: String) -> Self {
        CallError::Trap { reason, detail: String::new() }
    }

    pub(super) fn memory(limit: u64, asked: u64) -> Self {
        CallError::Memory { limit, asked, detail: String::new() }
    }

    pub(super) fn table(limit: u64, asked: u64) -> Self {
        CallError::Table { limit, asked, detail: String::new() }
    }

    /// Whether the node did not give the call what it may use. All else is the plugin's own, or its limits': the same
    /// call fails again.
    pub fn is_nodes_fault(&self) -> bool {
        matches!(self, CallError::Wall { .. })
    }

    /// One word for logs and counters.
    pub fn kind(&self) -> &'static str {
        match self {
            CallError::Trap { .. } => "trap",
            CallError::Fuel { .. } => "fuel",
            CallError::Deadline { .. } | CallError::Sleep { .. } => "deadline",
            CallError::Wall { .. } => "wall",
            CallError::Memory { .. } => "memory",
            CallError::Table { .. } => "table",
            CallError::Input { .. } => "input",
            CallError::Output { .. } => "output",
            CallError::HostCalls { .. } => "host_calls",
            CallError::BadOutput { .. } => "bad_output",
            CallError::Guest(_) => "error",
        }
    }

    /// The backtrace and the like, for the plugin's developer; may be empty.
    pub fn detail(&self) -> &str {
        match self {
            CallError::Trap { detail, .. }
            | CallError::Fuel { detail, .. }
            | CallError::Deadline { detail, .. }
            | CallError::Wall { detail, .. }
            | CallError::Sleep { detail, .. }
            | CallError::Memory { detail, .. }
            | CallError::Table { detail, .. }
            | CallError::HostCalls { detail, .. } => detail,
            CallError::Input { .. }
            | CallError::Output { .. }
            | CallError::BadOutput { .. }
            | CallError::Guest(_) => "",
        }
    }

    /// The same error with `text` as its detail, for variants that have one.
    pub(super) fn with_detail(mut self, text: String) -> Self {
        match &mut self {
            CallError::Trap { detail, .. }
            | CallError::Fuel { detail, .. }
            | CallError::Deadline { detail, .. }
            | CallError::Wall { detail, .. }
            | CallError::Sleep { detail, .. }
            | CallError::Memory { detail, .. }
            | CallError::Table { detail, .. }
            | CallError::HostCalls { detail, .. } => *detail = text,
            CallError::Input { .. }
            | CallError::Output { .. }
            | CallError::BadOutput { .. }
            | CallError::Guest(_) => {}
        }
        self
    }
}

/// The queue for guest threads is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiting_max} plugin calls of this {whose} are already waiting; try again in a moment")]
pub struct Busy {
    /// `installation`, `organization` or `server`.
    pub whose: &'static str,
    pub waiting_max: usize,
}

/// Why a component cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The component imports something that this host lacks, or exceeds a limit.
    #[error("the component cannot be used: {reason}")]
    Unusable { reason: String },
    #[error("the component needs more than {limit_bytes} bytes of memory to compile")]
    Memory { limit_bytes: u64 },
    #[error("the component needs more than {limit_s} s of processor time to compile")]
    Cpu { limit_s: u64 },
    /// By the wall clock, before its processor time: the node was busy.
    #[error("the component was not compiled on this node within {limit_s} s")]
    TimedOut { limit_s: u64 },
    #[error("{waiting_max} other components are already waiting to be compiled on this node")]
    Busy { waiting_max: usize },
    /// Not caused by the component.
    #[error("the component could not be compiled on this node: {reason}")]
    Host { reason: String },
}

impl CompileError {
    /// One word for counters.
    pub fn kind(&self) -> &'static str {
        match self {
            CompileError::Unusable { .. } => "unusable",
            CompileError::Memory { .. } => "memory",
            CompileError::Cpu { .. } => "cpu",
            CompileError::TimedOut { .. } => "timed_out",
            CompileError::Busy { .. } => "busy",
            CompileError::Host { .. } => "host",
        }
    }

    /// Whether a retry, here or on another node, would fail the same way.
    pub fn is_components_fault(&self) -> bool {
        match self {
            CompileError::Unusable { .. }
            | CompileError::Memory { .. }
            | CompileError::Cpu { .. } => true,
            CompileError::TimedOut { .. }
            | CompileError::Busy { .. }
            | CompileError::Host { .. } => false,
        }
    }
}
