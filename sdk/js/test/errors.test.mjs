/** Each answer that is an error has a class of its own, with what the API said. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as sdk from '@repairops/sdk'
import { error, serve } from './support/server.mjs'

async function failure(t, answer) {
  const server = await serve(t, answer)
  return server.client({ maxRetries: 0 }).tickets.get('one').then(() => assert.fail('no error'), (error) => error)
}

test('status and code choose the class', async (t) => {
  const classes = [
    [400, 'INVALID_REQUEST', sdk.InvalidRequestError],
    [401, 'UNAUTHORIZED', sdk.UnauthorizedError],
    [403, 'FORBIDDEN', sdk.ForbiddenError],
    [404, 'NOT_FOUND', sdk.NotFoundError],
    [405, 'METHOD_NOT_ALLOWED', sdk.RepairOpsError],
    [409, 'CONFLICT', sdk.ConflictError],
    [409, 'INVALID_TRANSITION', sdk.InvalidTransitionError],
    [409, 'INSUFFICIENT_STOCK', sdk.InsufficientStockError],
    [412, 'PRECONDITION_FAILED', sdk.PreconditionFailedError],
    [422, 'PLUGIN_REJECTED', sdk.PluginRejectedError],
    [422, 'IDEMPOTENCY_KEY_REUSED', sdk.IdempotencyKeyReusedError],
    [429, 'RATE_LIMIT_EXCEEDED', sdk.RateLimitError],
    [500, 'SERVER_ERROR', sdk.ServerError],
    [503, 'SERVER_BUSY', sdk.ServerError],
    [422, 'PLUGIN_FAILED', sdk.PluginFailedError],
    [503, 'PLUGIN_UNAVAILABLE', sdk.PluginUnavailableError],
  ]
  for (const [status, code, expected] of classes) {
    const failed = await failure(t, error(status, code))
    assert.equal(failed.constructor, expected, code)
    assert.equal(failed.name, expected.name)
    assert.ok(failed instanceof sdk.RepairOpsError && failed instanceof Error)
  }
})

test('an error has all that the API said', async (t) => {
  const details = { field: 'ticket_id', value: 'invalid-uuid' }
  const failed = await failure(t, error(400, 'INVALID_REQUEST', details, { 'x-test': 'yes' }))
  assert.equal(failed.status, 400)
  assert.equal(failed.code, 'INVALID_REQUEST')
  assert.equal(failed.message, 'It is INVALID_REQUEST.')
  assert.deepEqual(failed.details, details)
  assert.equal(failed.requestId, 'req_0123456789abcdef')
  assert.equal(failed.headers.get('x-test'), 'yes')
  assert.equal(failed.field, 'ticket_id')
  assert.equal(failed.value, 'invalid-uuid')
})

test('details of a kind are properties', async (t) => {
  const violations = [{ plugin: 'qc-gate', code: 'NO_TECHNICIAN', message: 'Assign one.', field: 'assigned_to' }]
  const rejected = await failure(t, error(422, 'PLUGIN_REJECTED', { violations }))
  assert.deepEqual(rejected.violations, violations)
  const transition = await failure(t, error(409, 'INVALID_TRANSITION', { from: 'INTAKE', to: 'CLOSED', allowed: ['TRIAGE'] }))
  assert.deepEqual([transition.from, transition.to, transition.allowed], ['INTAKE', 'CLOSED', ['TRIAGE']])
  assert.equal((await failure(t, error(404, 'NOT_FOUND', { merged_into: 'two' }))).mergedInto, 'two')
  const lines = [{ name: 'Screen', missing: 1 }]
  assert.deepEqual((await failure(t, error(409, 'INSUFFICIENT_STOCK', { lines }))).lines, lines)
  assert.equal((await failure(t, error(503, 'PLUGIN_UNAVAILABLE', { plugin: 'qc-gate' }))).plugin, 'qc-gate')
})

test('a rate limit says when', async (t) => {
  const headers = { 'retry-after': '1800', 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1646899200' }
  const limited = await failure(t, error(429, 'RATE_LIMIT_EXCEEDED', {}, headers))
  assert.equal(limited.retryAfter, 1800)
  assert.deepEqual(limited.resetAt, new Date(1646899200_000))
  const bare = await failure(t, error(429, 'RATE_LIMIT_EXCEEDED', {}, { 'retry-after': '60' }))
  assert.ok(Math.abs(bare.resetAt.getTime() - Date.now() - 60_000) < 5_000)
  const date = new Date(Date.now() + 90_000).toUTCString()
  assert.ok(Math.abs((await failure(t, error(429, 'X', {}, { 'retry-after': date }))).retryAfter - 90) <= 2)
})

test('an answer that is not of the API is an error all the same', async (t) => {
  const proxy = await failure(t, { status: 502, body: '<html>Bad gateway</html>', headers: { 'content-type': 'text/html' } })
  assert.ok(proxy instanceof sdk.ServerError)
  assert.deepEqual([proxy.code, proxy.details, proxy.requestId], ['HTTP_502', {}, null])
  const page = await failure(t, { status: 200, body: '<html>Welcome</html>', headers: { 'content-type': 'text/html' } })
  assert.ok(page instanceof sdk.RepairOpsError)
  assert.deepEqual([page.status, page.code], [200, 'UNEXPECTED_ANSWER'])
  assert.match(page.message, /base URL/)
})
