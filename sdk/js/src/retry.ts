/** When a request is retried, and how long to wait before. */

import { ConnectionError, RepairOpsError } from './errors.js'

export interface RetryPolicy {
  /** Retries after the first attempt. */
  maxRetries: number
  /** The first delay; each following delay is twice as long, up to `DELAY_MAX_MS`. */
  delayMs: number
  /** A longer `Retry-After` fails the request immediately. */
  retryAfterMaxMs: number
}

const DELAY_MAX_MS = 8_000

/** Milliseconds to wait before the next retry, or `null` to throw the error. `retried` is the number of retries so far. */
export function delayBeforeRetry(error: unknown, retried: number, policy: RetryPolicy): number | null {
  if (retried >= policy.maxRetries || !mayGoBetter(error)) return null
  // Jitter, so that clients that failed together do not come back together.
  const backoff = Math.min(policy.delayMs * 2 ** retried, DELAY_MAX_MS) * (0.5 + Math.random() / 2)
  const asked = error instanceof RepairOpsError ? error.retryAfter : null
  if (asked === null) return backoff
  return asked * 1000 > policy.retryAfterMaxMs ? null : Math.max(asked * 1000, backoff)
}

/** `IDEMPOTENCY_IN_FLIGHT` is about the client's own earlier attempt, which timed out or lost its connection. */
function mayGoBetter(error: unknown): boolean {
  if (error instanceof ConnectionError) return true
  if (!(error instanceof RepairOpsError)) return false
  return (
    error.status === 408 || error.status === 429 || error.status >= 500 || error.code === 'IDEMPOTENCY_IN_FLIGHT'
  )
}

/** Ends early, with the signal's reason, when the caller aborts. */
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
