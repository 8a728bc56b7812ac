/** Where the client asks, and with what. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RepairOpsClient } from '@repairops/sdk'
import { serve } from './support/server.mjs'

const pagination = { offset: 0, limit: 50, total: 0, next_offset: null, has_more: false }

test('a read carries the key, and its parameters that are there', async (t) => {
  const server = await serve(t, { body: { data: [], pagination } })
  await server.client().tickets.list({ status: 'IN_REPAIR', limit: 25, shop_id: undefined })
  const [asked] = server.asked
  assert.equal(asked.method, 'GET')
  assert.equal(asked.url, '/v1/tickets?status=IN_REPAIR&limit=25')
  assert.equal(asked.headers.authorization, 'Bearer ro_live_test')
  assert.equal(asked.headers['idempotency-key'], undefined)
  assert.match(asked.headers['user-agent'], /^repairops-sdk-js\/\d/)
})

test('a write is JSON', async (t) => {
  const server = await serve(t, { status: 201, body: { id: '1' } })
  const made = await server.client().shops.create({ name: 'Main Street' })
  assert.deepEqual(made, { id: '1' })
  assert.equal(server.asked[0].headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(server.asked[0].body), { name: 'Main Street' })
})

test('a plugin is uploaded as the bytes that it is', async (t) => {
  const server = await serve(t, { status: 201, body: { id: '1' } })
  await server.client().plugins.upload(new TextEncoder().encode('\0asm'))
  assert.equal(server.asked[0].headers['content-type'], 'application/wasm')
  assert.equal(server.asked[0].body, '\0asm')
})

test('an answer without a body is undefined', async (t) => {
  const server = await serve(t, { status: 204, body: '' })
  assert.equal(await server.client().installations.delete('one'), undefined)
  assert.equal(server.asked[0].method, 'DELETE')
})

test('an id is one segment of the path, and must be there', async (t) => {
  const server = await serve(t, {})
  await server.client().tickets.get('a/../b?c')
  assert.equal(server.asked[0].url, '/v1/tickets/a%2F..%2Fb%3Fc')
  await assert.rejects(server.client().tickets.get(undefined), TypeError)
  await assert.rejects(server.client().tickets.get(''), TypeError)
  assert.equal(server.asked.length, 1)
})

test('a version to match is an entity tag', async (t) => {
  const server = await serve(t, {})
  const { tickets } = server.client()
  await tickets.update('one', { labor_hours: 2 }, { ifMatch: 7 })
  await tickets.transition('one', { new_status: 'TRIAGE' }, { ifMatch: '"8"' })
  await tickets.update('one', { labor_hours: 2 })
  assert.deepEqual(server.asked.map((asked) => asked.headers['if-match']), ['"7"', '"8"', undefined])
})

test('the rate limit is what the last answer said', async (t) => {
  const headers = { 'X-RateLimit-Limit': '1000', 'X-RateLimit-Remaining': '999', 'X-RateLimit-Reset': '1646899200' }
  const server = await serve(t, { headers }, {})
  const client = server.client()
  assert.equal(client.rateLimit, null)
  await client.tickets.get('one')
  assert.deepEqual(client.rateLimit, { limit: 1000, remaining: 999, resetAt: new Date('2022-03-10T08:00:00Z') })
  await client.tickets.get('one')
  assert.equal(client.rateLimit, null)
})

test('key and address come from the options, else from the environment', async (t) => {
  const server = await serve(t, {})
  const before = { ...process.env }
  t.after(() => Object.assign(process.env, before))
  delete process.env.REPAIROPS_API_KEY
  delete process.env.REPAIROPS_BASE_URL
  assert.throws(() => new RepairOpsClient(), /API key/)
  assert.throws(() => new RepairOpsClient({ apiKey: '' }), /API key/)
  const asked = []
  const fetch = async (url, { headers }) => {
    asked.push([url, headers.authorization])
    return new Response('{}')
  }
  await new RepairOpsClient({ apiKey: 'one', fetch }).tickets.get('one')
  process.env.REPAIROPS_API_KEY = 'two'
  process.env.REPAIROPS_BASE_URL = 'http://127.0.0.1:1/v1/'
  await new RepairOpsClient({ fetch }).tickets.get('one')
  await new RepairOpsClient({ apiKey: 'three', baseUrl: server.baseUrl, fetch }).tickets.get('one')
  assert.deepEqual(asked, [
    ['https://api.repairops.io/v1/tickets/one', 'Bearer one'],
    ['http://127.0.0.1:1/v1/tickets/one', 'Bearer two'],
    [`${server.baseUrl}/tickets/one`, 'Bearer three'],
  ])
  assert.throws(() => new RepairOpsClient({ apiKey: 'one', baseUrl: 'nowhere' }), TypeError)
})
