/** When a request is tried again, and how long to wait before. */

import { ConnectionError, RepairOpsError } from './errors.js'

export interface RetryPolicy {
  /** Tries after the first one. */
  maxRetries: number
  /** The first wait; each one after it is twice as long, up to `DELAY_MAX_MS`. */
  delayMs: number
  /** A `Retry-After` that is longer is not waited for. */
  retryAfterMaxMs: number
}

const DELAY_MAX_MS = 8_000

/** Milliseconds to wait before trying once more, or `null` to let the error go to the caller. `retried` is the number of tries after the first. */
export function delayBeforeRetry(error: unknown, retried: number, policy: RetryPolicy): number | null {
  if (retried >= policy.maxRetries || !mayGoBetter(error)) return null
  // Jitter, so that clients that failed together do not come back together.
  const backoff = Math.min(policy.delayMs * 2 ** retried, DELAY_MAX_MS) * (0.5 + Math.random() / 2)
  const asked = error instanceof RepairOpsError ? error.retryAfter : null
  if (asked === null) return backoff
  return asked * 1000 > policy.retryAfterMaxMs ? null : Math.max(asked * 1000, backoff)
}

/** `IDEMPOTENCY_IN_FLIGHT` is about our own earlier try, whose answer we did not wait for. */
function mayGoBetter(error: unknown): boolean {
  if (error instanceof ConnectionError) return true
  if (!(error instanceof RepairOpsError)) return false
  return (
    error.status === 408 || error.status === 429 || error.status >= 500 || error.code === 'IDEMPOTENCY_IN_FLIGHT'
  )
}

/** Ends early, with the signal's reason, when the caller gives up. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const giveUp = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', giveUp)
      resolve()
    }, ms)
    signal?.addEventListener('abort', giveUp, { once: true })
  })
}
