/** One request to the API: its headers, its retries, its response or its error. */

import { userAgent, webCrypto } from './environment.js'
import { ConnectionError, errorOf, RepairOpsError, TimeoutError } from './errors.js'
import { type RateLimit, readRateLimit } from './rate_limit.js'
import { delayBeforeRetry, pause, type RetryPolicy } from './retry.js'

/** For any request. */
export interface RequestOptions {
  /** Aborts the request and its retries. */
  signal?: AbortSignal | undefined
  /** The timeout of each attempt; default: the client's. */
  timeoutMs?: number | undefined
  /** Instead of the client's. */
  maxRetries?: number | undefined
}

/** For a request that changes something. */
export interface WriteOptions extends RequestOptions {
  /**
   * Makes the write happen once, however often it is sent with this key within 24 hours. By default the client creates
   * one for each call, so that its own retries are safe; pass one to make your own retries safe, too.
   */
  idempotencyKey?: string | undefined
}

/** For a change of a resource that has a version. */
export interface VersionedWriteOptions extends WriteOptions {
  /** The `version` (or the `ETag`) that the change is based on; if there is a newer one it fails with 412. */
  ifMatch?: number | string | undefined
}

export interface Ask {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  query?: object | undefined
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, instead of `body`. */
  bytes?: { type: string; content: Uint8Array | ArrayBuffer | Blob }
  options?: VersionedWriteOptions | undefined
}

export interface TransportOptions extends RetryPolicy {
  apiKey: string
  baseUrl: string
  fetch: typeof fetch
  timeoutMs: number
}

export class Transport {
  /** The values of the last response; `null` before the first one, or when the server has no limits. */
  rateLimit: RateLimit | null = null
  readonly #options: TransportOptions

  constructor(options: TransportOptions) {
    this.#options = options
  }

  /** The body of the response; `undefined` if it has none. */
  async request<T>(ask: Ask): Promise<T> {
    const { signal, maxRetries = this.#options.maxRetries } = ask.options ?? {}
    const url = this.#url(ask)
    const init = await this.#init(ask)
    for (let retried = 0; ; retried++) {
      try {
        return (await this.#try(url, init, ask.options)) as T
      } catch (error) {
        const delayMs = delayBeforeRetry(error, retried, { ...this.#options, maxRetries })
        if (delayMs === null) throw error
        await pause(delayMs, signal)
      }
    }
  }

  #url({ path, query }: Ask): string {
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null) parameters.set(name, String(value))
    }
    const text = parameters.toString()
    return this.#options.baseUrl + path + (text && `?${text}`)
  }

  /** Created once for all attempts: they have the same idempotency key. */
  async #init({ method, body, bytes, options = {} }: Ask): Promise<RequestInit> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      authorization: `Bearer ${this.#options.apiKey}`,
    }
    if (userAgent) headers['user-agent'] = userAgent
    if (method !== 'GET') headers['idempotency-key'] = options.idempotencyKey ?? (await newKey())
    if (options.ifMatch !== undefined) headers['if-match'] = entityTag(options.ifMatch)
    if (bytes) {
      headers['content-type'] = bytes.type
      return { method, headers, body: bytes.content as BodyInit }
    }
    if (body === undefined) return { method, headers }
    headers['content-type'] = 'application/json'
    return { method, headers, body: JSON.stringify(body) }
  }

  async #try(url: string, init: RequestInit, options: RequestOptions = {}): Promise<unknown> {
    const { response, text } = await this.#fetch(url, init, options)
    this.rateLimit = readRateLimit(response.headers)
    if (!response.ok) throw errorOf(response.status, response.headers, text)
    if (text === '') return undefined
    try {
      return JSON.parse(text)
    } catch {
      throw unexpected(response)
    }
  }

  async #fetch(url: string, init: RequestInit, options: RequestOptions) {
    const { signal, timeoutMs = this.#options.timeoutMs } = options
    signal?.throwIfAborted()
    const controller = new AbortController()
    const giveUp = () => controller.abort(signal?.reason)
    signal?.addEventListener('abort', giveUp, { once: true })
    const timer = setTimeout(() => controller.abort(new TimeoutError(timeoutMs)), timeoutMs)
    try {
      const response = await this.#options.fetch(url, { ...init, signal: controller.signal })
      return { response, text: await response.text() }
    } catch (cause) {
      if (controller.signal.aborted) throw controller.signal.reason
      throw new ConnectionError(`no response from ${new URL(url).origin}`, { cause })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  }
}

/** The version 7 is the entity tag `"7"`; a tag is taken as it is. */
function entityTag(version: number | string): string {
  return typeof version === 'number' || /^\d+$/.test(version) ? `"${version}"` : version
}

async function newKey(): Promise<string> {
  const bytes = (await webCrypto()).getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function unexpected(response: Response): RepairOpsError {
  return new RepairOpsError({
    status: response.status,
    headers: response.headers,
    code: 'UNEXPECTED_ANSWER',
    message: `the response is not JSON but ${response.headers.get('content-type') ?? 'of no type'}; is the base URL right?`,
    details: {},
    requestId: response.headers.get('x-request-id'),
  })
}
