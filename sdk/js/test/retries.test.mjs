/** What is tried again, what is not, and that a write is the same write each time. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionError, RateLimitError, RepairOpsError, ServerError, TimeoutError } from '@repairops/sdk'
import { error, serve } from './support/server.mjs'

const made = { status: 201, body: { id: 'one' } }
const ticket = { shop_id: 'shop', customer: { name: 'Jane', email: 'j@example.com' }, device_identifier: 'X', issue_description: 'Y' }
const keys = (server) => new Set(server.asked.map((asked) => asked.headers['idempotency-key']))

test('what may go better is tried again: 408, 429, 5xx, a connection that broke', async (t) => {
  const failures = [
    error(408, 'REQUEST_TIMEOUT'),
    error(429, 'RATE_LIMIT_EXCEEDED', {}, { 'retry-after': '0' }),
    error(500, 'SERVER_ERROR'),
    { status: 502, body: '<html>' },
    error(503, 'SERVER_BUSY'),
    'hang up',
    error(409, 'IDEMPOTENCY_IN_FLIGHT'),
  ]
  for (const failure of failures) {
    const server = await serve(t, failure, failure, made)
    assert.deepEqual(await server.client().tickets.create(ticket), { id: 'one' })
    assert.equal(server.asked.length, 3)
  }
})

test('the idempotency key stays the same over the tries of a call, and is another for another call', async (t) => {
  const server = await serve(t, error(500, 'SERVER_ERROR'), 'hang up', error(503, 'SERVER_BUSY'), made)
  const client = server.client()
  await client.tickets.create(ticket)
  assert.equal(server.asked.length, 4)
  assert.equal(keys(server).size, 1)
  assert.match([...keys(server)][0], /^[0-9a-f]{32}$/)
  assert.equal(new Set(server.asked.map((asked) => asked.body)).size, 1)
  await client.tickets.create(ticket)
  assert.equal(keys(server).size, 2)
})

test("the caller's own idempotency key is sent as it is", async (t) => {
  const server = await serve(t, error(500, 'SERVER_ERROR'), made)
  await server.client().tickets.create(ticket, { idempotencyKey: 'order-17' })
  assert.deepEqual([...keys(server)], ['order-17'])
  assert.equal(server.asked.length, 2)
})

test('every kind of write has a key', async (t) => {
  const server = await serve(t, {})
  const client = server.client()
  await client.tickets.update('one', { labor_hours: 1 })
  await client.tickets.transition('one', { new_status: 'TRIAGE' })
  await client.installations.delete('one')
  await client.plugins.upload(new Uint8Array(4))
  assert.equal(keys(server).size, 4)
  assert.ok(!keys(server).has(undefined))
})

test('an answer that says no is not asked for again', async (t) => {
  for (const [status, code] of [[400, 'INVALID_REQUEST'], [401, 'UNAUTHORIZED'], [404, 'NOT_FOUND'], [409, 'CONFLICT'], [422, 'PLUGIN_REJECTED']]) {
    const server = await serve(t, error(status, code))
    await assert.rejects(server.client().tickets.create(ticket), { status, code })
    assert.equal(server.asked.length, 1)
  }
})

test('the tries end, with the last error', async (t) => {
  const server = await serve(t, error(500, 'SERVER_ERROR'))
  await assert.rejects(server.client().tickets.get('one'), ServerError)
  assert.equal(server.asked.length, 4)
  await assert.rejects(server.client({ maxRetries: 1 }).tickets.get('one'), ServerError)
  assert.equal(server.asked.length, 6)
  await assert.rejects(server.client().tickets.get('one', { maxRetries: 0 }), ServerError)
  assert.equal(server.asked.length, 7)
})

test('Retry-After is waited for', async (t) => {
  const server = await serve(t, error(429, 'RATE_LIMIT_EXCEEDED', {}, { 'retry-after': '1' }), {})
  const began = Date.now()
  await server.client().tickets.get('one')
  assert.ok(Date.now() - began >= 990)
})

test('a Retry-After that is too long is the error, at once', async (t) => {
  const server = await serve(t, error(429, 'RATE_LIMIT_EXCEEDED', {}, { 'retry-after': '3000' }))
  await assert.rejects(server.client().tickets.get('one'), RateLimitError)
  assert.equal(server.asked.length, 1)
})

test('waits grow', async (t) => {
  const times = []
  const fetch = async () => {
    times.push(performance.now())
    return new Response('{}', { status: 500 })
  }
  const server = await serve(t, {})
  await assert.rejects(server.client({ fetch, retryDelayMs: 40 }).tickets.get('one'), ServerError)
  const waits = times.slice(1).map((time, index) => time - times[index])
  // Half of each wait is chance.
  assert.ok(waits[0] >= 19 && waits[1] >= 39 && waits[2] >= 79, `${waits}`)
})

test('no answer is a ConnectionError that has its cause', async (t) => {
  const server = await serve(t, 'hang up')
  const failed = await server.client().tickets.get('one').catch((error) => error)
  assert.ok(failed instanceof ConnectionError)
  assert.ok(!(failed instanceof TimeoutError) && !(failed instanceof RepairOpsError))
  assert.ok(failed.cause instanceof Error)
  assert.equal(server.asked.length, 4)
})

test('no answer in time is a TimeoutError, for each try', async (t) => {
  const server = await serve(t, 'stay silent', 'stay silent', made)
  assert.deepEqual(await server.client({ timeoutMs: 700 }).tickets.create(ticket), { id: 'one' })
  assert.equal(keys(server).size, 1)
  const silent = await serve(t, 'stay silent')
  await assert.rejects(silent.client().tickets.get('one', { timeoutMs: 20, maxRetries: 0 }), (failed) => {
    assert.ok(failed instanceof TimeoutError && failed instanceof ConnectionError)
    assert.equal(failed.timeoutMs, 20)
    return true
  })
})

test('a caller may give up: before, during a try, and between two', async (t) => {
  const server = await serve(t, 'stay silent')
  await assert.rejects(server.client().tickets.get('one', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.equal(server.asked.length, 0)

  const during = new AbortController()
  const patient = await serve(t, () => {
    during.abort(new Error('enough'))
    return 'stay silent'
  })
  await assert.rejects(patient.client().tickets.get('one', { signal: during.signal }), { message: 'enough' })
  assert.equal(patient.asked.length, 1)

  const between = new AbortController()
  const busy = await serve(t, () => {
    setTimeout(() => between.abort(), 100)
    return error(500, 'SERVER_ERROR')
  })
  const retried = busy.client({ retryDelayMs: 60_000 }).tickets.get('one', { signal: between.signal })
  await assert.rejects(retried, { name: 'AbortError' })
  assert.equal(busy.asked.length, 1)
})
