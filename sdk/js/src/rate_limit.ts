/** The `X-RateLimit-*` headers of a response. */

export interface RateLimit {
  /** Requests in a window. */
  limit: number
  /** Requests left in this window. */
  remaining: number
  /** When the next window begins. */
  resetAt: Date
}

/** `null` when the server has no limits. */
export function readRateLimit(headers: Headers): RateLimit | null {
  const limit = readNumber(headers, 'x-ratelimit-limit')
  const remaining = readNumber(headers, 'x-ratelimit-remaining')
  const reset = readNumber(headers, 'x-ratelimit-reset')
  if (limit === null || remaining === null || reset === null) return null
  return { limit, remaining, resetAt: new Date(reset * 1000) }
}

function readNumber(headers: Headers, name: string): number | null {
  const text = headers.get(name)
  return text !== null && /^\d+$/.test(text.trim()) ? Number(text) : null
}
