/**
 * All errors that a call can throw. An error response of the API becomes a `RepairOpsError`, or one of
 * its subclasses if the status or the code has one; a missing response becomes a `ConnectionError`. An abort by the
 * caller's own `AbortSignal` rejects with the signal's reason, as `fetch` does.
 */

import { readRateLimit } from './rate_limit.js'

/** The content of an error response, with its status and headers. */
export interface ErrorAnswer {
  status: number
  headers: Headers
  code: string
  message: string
  details: Record<string, unknown>
  requestId: string | null
}

/** The API returned an error. */
export class RepairOpsError extends Error {
  readonly status: number
  /** For programs, for example `INVALID_REQUEST`. */
  readonly code: string
  /** The data of the code: `field` and `value` of an invalid input, `from` and `to` of a transition … */
  readonly details: Record<string, unknown>
  /** Support can find the request by it. */
  readonly requestId: string | null
  readonly headers: Headers

  constructor(answer: ErrorAnswer) {
    super(answer.message)
    this.name = new.target.name
    this.status = answer.status
    this.code = answer.code
    this.details = answer.details
    this.requestId = answer.requestId
    this.headers = answer.headers
  }

  /** Seconds to wait before a retry, from the server. */
  get retryAfter(): number | null {
    const text = this.headers.get('retry-after')
    if (text === null) return null
    if (/^\d+$/.test(text.trim())) return Number(text)
    const at = Date.parse(text)
    return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000))
  }
}

/** 400: a parameter or the body is invalid. */
export class InvalidRequestError extends RepairOpsError {
  /** The parameter, header or field of the body that is invalid. */
  get field(): string | null {
    return text(this.details['field'])
  }

  get value(): unknown {
    return this.details['value'] ?? null
  }
}

/** 401: no API key, or one that is unknown, expired or revoked. */
export class UnauthorizedError extends RepairOpsError {}

/** 403: the key's scope or the organization's tier does not allow it. */
export class ForbiddenError extends RepairOpsError {}

/** 404: the resource does not exist in this organization. */
export class NotFoundError extends RepairOpsError {
  /** The customer that the requested one was merged into. */
  get mergedInto(): string | null {
    return text(this.details['merged_into'])
  }
}

/** 409: the resource already exists, or its state does not allow the request. */
export class ConflictError extends RepairOpsError {}

/** 409 `INVALID_TRANSITION`: the workflow does not allow this transition. */
export class InvalidTransitionError extends ConflictError {
  get from(): string | null {
    return text(this.details['from'])
  }

  get to(): string | null {
    return text(this.details['to'])
  }

  /** The statuses that can be reached from here. */
  get allowed(): string[] {
    return list<string>(this.details['allowed'])
  }
}

/** 409 `INSUFFICIENT_STOCK`: parts of the ticket are short. */
export class InsufficientStockError extends ConflictError {
  get lines(): Record<string, unknown>[] {
    return list<Record<string, unknown>>(this.details['lines'])
  }
}

/** 412: the resource is not at the version in `ifMatch`. */
export class PreconditionFailedError extends RepairOpsError {}

/** One violation that a plugin found. */
export interface Violation {
  plugin: string
  code: string
  message: string
  field?: string | null
}

/** 422 `PLUGIN_REJECTED`: plugins of the shop rejected the request. */
export class PluginRejectedError extends RepairOpsError {
  get violations(): Violation[] {
    return list<Violation>(this.details['violations'])
  }
}

/** 422 `IDEMPOTENCY_KEY_REUSED`: this idempotency key was already used for a different request. */
export class IdempotencyKeyReusedError extends RepairOpsError {}

/** 429: the key's requests of this hour are used up. */
export class RateLimitError extends RepairOpsError {
  /** When the limit resets. */
  get resetAt(): Date | null {
    const reset = readRateLimit(this.headers)?.resetAt
    if (reset) return reset
    return this.retryAfter === null ? null : new Date(Date.now() + this.retryAfter * 1000)
  }
}

/** 5xx: an error of the server. */
export class ServerError extends RepairOpsError {}

/** 422 `PLUGIN_FAILED`: a required plugin failed or exceeded a limit; nothing was changed, and a retry fails again. */
export class PluginFailedError extends RepairOpsError {
  get plugin(): string | null {
    return text(this.details['plugin'])
  }
}

/** 503 `PLUGIN_UNAVAILABLE`: the server could not run a required plugin in time; nothing was changed. */
export class PluginUnavailableError extends ServerError {
  get plugin(): string | null {
    return text(this.details['plugin'])
  }
}

/** There was no response: the connection failed or broke. A write may or may not have been processed. */
export class ConnectionError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
  }
}

/** There was no response in time. */
export class TimeoutError extends ConnectionError {
  constructor(readonly timeoutMs: number) {
    super(`no response within ${timeoutMs} ms`)
  }
}

type ErrorClass = new (answer: ErrorAnswer) => RepairOpsError

const BY_CODE: Record<string, ErrorClass> = {
  IDEMPOTENCY_KEY_REUSED: IdempotencyKeyReusedError,
  INSUFFICIENT_STOCK: InsufficientStockError,
  INVALID_TRANSITION: InvalidTransitionError,
  PLUGIN_FAILED: PluginFailedError,
  PLUGIN_REJECTED: PluginRejectedError,
  PLUGIN_UNAVAILABLE: PluginUnavailableError,
}

const BY_STATUS: Record<number, ErrorClass> = {
  400: InvalidRequestError,
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  429: RateLimitError,
}

/** The error of a response; `body` is its text, which may come from a proxy. */
export function errorOf(status: number, headers: Headers, body: string): RepairOpsError {
  const error = record(record(parse(body))['error'])
  const answer: ErrorAnswer = {
    status,
    headers,
    code: text(error['code']) ?? `HTTP_${status}`,
    message: text(error['message']) ?? `the server answered ${status}`,
    details: record(error['details']),
    requestId: text(error['request_id']) ?? headers.get('x-request-id'),
  }
  const known = BY_CODE[answer.code] ?? BY_STATUS[status] ?? (status >= 500 ? ServerError : RepairOpsError)
  return new known(answer)
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function list<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : []
}
