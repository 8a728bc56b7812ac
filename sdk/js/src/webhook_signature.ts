/** Signatures of webhooks according to Standard Webhooks: HMAC-SHA256 over the id, the timestamp and the raw body. */

import { webCrypto } from './environment.js'
import type { WebhookEvent } from './events.js'

/** A web `Headers`, or the `headers` of a Node request. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>

export interface VerifyOptions {
  /** How old (or how far in the future) a delivery may be; 300 by default. */
  toleranceSeconds?: number
  /** The present; for tests. */
  now?: Date
}

export interface SignedHeaders extends Record<string, string> {
  'webhook-id': string
  'webhook-timestamp': string
  'webhook-signature': string
}

/** Why a delivery must not be trusted. Respond with 400, and change nothing. */
export class WebhookVerificationError extends Error {
  constructor(
    message: string,
    readonly reason: 'missing_header' | 'bad_timestamp' | 'too_old' | 'too_new' | 'no_matching_signature' | 'bad_payload',
  ) {
    super(message)
    this.name = new.target.name
  }
}

/**
 * Returns the event of a delivery that RepairOps signed with `secret`; otherwise rejects with a `WebhookVerificationError`.
 * `body` is the raw body: parsed and serialized again it has other bytes, and another signature. With several
 * secrets one of them has to match. Deliveries are at least once: store `webhook-id` to skip duplicates.
 */
export async function verifyWebhook(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  { toleranceSeconds = 300, now = new Date() }: VerifyOptions = {},
): Promise<WebhookEvent> {
  const id = header(headers, 'webhook-id')
  const timestamp = header(headers, 'webhook-timestamp')
  const signatures = header(headers, 'webhook-signature')
  checkAge(timestamp, now, toleranceSeconds)
  const content = bytesOf(body)
  const signed = signedContent(id, timestamp, content)
  if (!(await anyMatches(typeof secret === 'string' ? [secret] : secret, signatures, signed))) {
    throw new WebhookVerificationError('no signature matches this body and secret', 'no_matching_signature')
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content)) as WebhookEvent
  } catch {
    throw new WebhookVerificationError('the body is signed, but no JSON', 'bad_payload')
  }
}

/** The headers of a delivery, for tests of a receiver. */
export async function signWebhook(
  body: string | Uint8Array | ArrayBuffer,
  secret: string,
  { id = 'evt_test', timestamp = new Date() }: { id?: string; timestamp?: Date } = {},
): Promise<SignedHeaders> {
  const seconds = String(Math.floor(timestamp.getTime() / 1000))
  const { subtle } = await webCrypto()
  const signed = signedContent(id, seconds, bytesOf(body))
  const signature = await subtle.sign('HMAC', await importKey(secret), signed)
  const text = btoa(String.fromCharCode(...new Uint8Array(signature)))
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${text}` }
}

/** While a secret is rotated there are two signatures; those of other versions are not ours. */
async function anyMatches(secrets: readonly string[], signatures: string, signed: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const { subtle } = await webCrypto()
  const keys = await Promise.all(secrets.map(importKey))
  for (const candidate of signatures.split(' ')) {
    const [version, text = ''] = candidate.split(',')
    const signature = version === 'v1' ? decode(text) : null
    if (signature === null) continue
    for (const key of keys) {
      // Compares in constant time.
      if (await subtle.verify('HMAC', key, signature, signed)) return true
    }
  }
  return false
}

function checkAge(timestamp: string, now: Date, toleranceSeconds: number): void {
  if (!/^\d{1,12}$/.test(timestamp)) {
    throw new WebhookVerificationError('webhook-timestamp is no number of seconds', 'bad_timestamp')
  }
  const ageSeconds = Math.floor(now.getTime() / 1000) - Number(timestamp)
  if (ageSeconds > toleranceSeconds) throw new WebhookVerificationError('the delivery is too old', 'too_old')
  if (ageSeconds < -toleranceSeconds) {
    throw new WebhookVerificationError('the delivery is from the future', 'too_new')
  }
}

async function importKey(secret: string): Promise<CryptoKey> {
  const key = decode(secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret)
  if (key === null || key.length === 0) throw new TypeError('the secret of a webhook is `whsec_` and base64')
  const { subtle } = await webCrypto()
  return subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
}

function signedContent(id: string, timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = new TextEncoder().encode(`${id}.${timestamp}.`)
  const all = new Uint8Array(start.length + body.length)
  all.set(start)
  all.set(body, start.length)
  return all
}

function bytesOf(body: string | Uint8Array | ArrayBuffer): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body)
  // By their look, since test runners and frames have classes of their own.
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
  if (Object.prototype.toString.call(body) === '[object ArrayBuffer]') return new Uint8Array(body)
  throw new TypeError('verify the body as it came, as text or bytes, before it is parsed')
}

function header(headers: WebhookHeaders, name: string): string {
  const value = isHeaders(headers) ? headers.get(name) : plainHeader(headers, name)
  if (!value) throw new WebhookVerificationError(`the header ${name} is missing`, 'missing_header')
  return value
}

function isHeaders(headers: WebhookHeaders): headers is Headers {
  return typeof headers['get'] === 'function'
}

function plainHeader(headers: Record<string, string | string[] | undefined>, name: string): string | undefined {
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
  return Array.isArray(found) ? found.join(' ') : found
}

function decode(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return null
  }
}
