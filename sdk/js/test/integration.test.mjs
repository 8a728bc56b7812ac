/**
 * The client against a real server: `REPAIROPS_BASE_URL` and `REPAIROPS_API_KEY` (of scope admin) say which; without
 * them it is skipped. It makes a shop of its own.
 */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import * as sdk from '@repairops/sdk'

const skip = process.env.REPAIROPS_BASE_URL ? false : 'REPAIROPS_BASE_URL names no server'
const unknown = '01890a5d-ac96-774b-bcce-b302099a8057'

async function start() {
  const client = new sdk.RepairOpsClient({ timeoutMs: 120_000 })
  const shop = await client.shops.create({ name: `SDK ${Math.random()}` })
  const ticket = (more = {}) => ({
    shop_id: shop.id,
    customer: { name: 'Jane Smith', email: 'jane@example.com' },
    device_identifier: 'MacBook Pro 16"',
    issue_description: "Won't turn on",
    ...more,
  })
  return { client, shop, ticket }
}

test('a list of 120 tickets, by item and by page', { skip }, async () => {
  const { client, shop, ticket } = await start()
  const made = []
  for (let batch = 0; batch < 12; batch++) {
    const batchMade = await Promise.all(Array.from({ length: 10 }, () => client.tickets.create(ticket())))
    made.push(...batchMade.map((one) => one.id))
  }
  const first = await client.tickets.list({ shop_id: shop.id })
  assert.equal(first.data.length, 50)
  assert.equal(first.pagination.total, 120)
  assert.equal(first.pagination.next_offset, 50)
  const listed = []
  for await (const one of client.tickets.list({ shop_id: shop.id })) listed.push(one.id)
  assert.deepEqual([...listed].sort(), made.sort())
  const sizes = []
  for await (const page of client.tickets.list({ shop_id: shop.id, limit: 100, sort: 'number' }).pages()) {
    sizes.push(page.data.length)
    assert.deepEqual(page.data.map((one) => one.number), page.data.map((one) => one.number).sort())
  }
  assert.deepEqual(sizes, [100, 20])
})

test('a list that is iterated over holds still while tickets are made', { skip }, async () => {
  const { client, shop, ticket } = await start()
  const made = []
  for (let count = 0; count < 7; count++) made.push((await client.tickets.create(ticket())).id)
  const listed = []
  for await (const { data } of client.tickets.list({ shop_id: shop.id, limit: 2 }).pages()) {
    listed.push(...data.map((one) => one.id))
    await client.tickets.create(ticket())
  }
  assert.deepEqual([...listed].sort(), made.sort())
})

test('errors are of their class, with what the server said', { skip }, async () => {
  const { client, ticket } = await start()
  const missing = await client.tickets.get(unknown).catch((error) => error)
  assert.ok(missing instanceof sdk.NotFoundError)
  assert.equal(missing.requestId, missing.headers.get('x-request-id'))
  const malformed = await client.tickets.get('invalid-uuid').catch((error) => error)
  assert.ok(malformed instanceof sdk.InvalidRequestError)
  assert.deepEqual([malformed.field, malformed.value], ['ticket_id', 'invalid-uuid'])
  const nowhere = await client.tickets.create(ticket({ shop_id: unknown })).catch((error) => error)
  assert.ok(nowhere instanceof sdk.InvalidRequestError)
  assert.equal(nowhere.field, 'shop_id')
  const { id } = await client.tickets.create(ticket())
  const jump = await client.tickets.transition(id, { new_status: 'CLOSED' }).catch((error) => error)
  assert.ok(jump instanceof sdk.InvalidTransitionError)
  assert.deepEqual([jump.from, jump.to], ['INTAKE', 'CLOSED'])
  assert.ok(jump.allowed.includes('TRIAGE'))
  const stranger = new sdk.RepairOpsClient({ apiKey: 'ro_live_nobody' })
  await assert.rejects(stranger.tickets.list(), sdk.UnauthorizedError)
})

test('a ticket from intake to repair', { skip }, async () => {
  const { client, shop, ticket } = await start()
  const created = await client.tickets.create(ticket({ device_category: 'laptop' }))
  assert.equal(created.status, 'INTAKE')
  const item = await client.inventory.create({
    shop_id: shop.id, sku: `KB-${created.number}`, name: 'Keyboard', category: 'keyboards', quantity: 5, cost: 40, selling_price: 80,
  })
  await client.tickets.update(created.id, {
    labor_hours: 1.5, labor_rate: 65, parts: [{ inventory_id: item.id, quantity: 2 }], diagnostics: { findings: 'Liquid' },
  })
  for (const new_status of ['DIAGNOSTICS', 'IN_REPAIR']) {
    const moved = await client.tickets.transition(created.id, { new_status, notes: 'On we go' })
    assert.deepEqual([moved.ok, moved.to_status], [true, new_status])
  }
  const read = await client.tickets.get(created.id)
  assert.deepEqual([read.status, read.labor.total, read.total_cost], ['IN_REPAIR', 97.5, 257.5])
  assert.equal((await client.inventory.get(item.id)).quantity_reserved, 2)
  const short = await client.inventory.update(item.id, { quantity: 1, reason: 'damaged' }).catch((error) => error)
  assert.ok(short instanceof sdk.ConflictError)
  const customer = await client.customers.get(read.customer.id)
  assert.ok(customer.repairs.some((repair) => repair.ticket_id === created.id))
  const named = await client.customers.list({ name: 'jane' })
  assert.ok(named.data.some((one) => one.id === read.customer.id))
})

test('a change of a version that is no longer there is refused', { skip }, async () => {
  const { client, ticket } = await start()
  const { id } = await client.tickets.create(ticket())
  const { version } = await client.tickets.get(id)
  await client.tickets.update(id, { labor_hours: 1 }, { ifMatch: version })
  const late = await client.tickets.update(id, { labor_hours: 2 }, { ifMatch: version }).catch((error) => error)
  assert.ok(late instanceof sdk.PreconditionFailedError)
  const moved = client.tickets.transition(id, { new_status: 'TRIAGE' }, { ifMatch: version })
  await assert.rejects(moved, sdk.PreconditionFailedError)
  const now = await client.tickets.get(id)
  assert.deepEqual([now.labor.hours, now.status], [1, 'INTAKE'])
  await client.tickets.transition(id, { new_status: 'TRIAGE' }, { ifMatch: now.version })
})

test('what may come next', { skip }, async () => {
  const { client, ticket } = await start()
  const { id } = await client.tickets.create(ticket())
  const next = await client.tickets.transitions(id)
  assert.equal(next.current_status, 'INTAKE')
  assert.ok(JSON.stringify(next).includes('TRIAGE'))
})

test('shops, users and plugins', { skip }, async () => {
  const { client, shop, ticket } = await start()
  assert.equal((await client.shops.get(shop.id)).name, shop.name)
  const user = await client.users.create({ name: 'Alice Tech', email: `alice.${shop.id}@example.com`, role: 'technician' })
  const { id } = await client.tickets.create(ticket())
  await client.tickets.update(id, { assigned_to: user.id })
  assert.equal((await client.users.update(user.id, { hourly_cost: 30 })).hourly_cost, 30)
  assert.equal((await client.shops.update(shop.id, { name: 'Renamed' })).name, 'Renamed')
  const mine = await client.tickets.list({ assigned_to: user.id })
  assert.deepEqual(mine.data.map((one) => [one.id, one.assigned_to_name]), [[id, 'Alice Tech']])
  const upload = await client.plugins.upload(new Uint8Array([0, 1, 2])).catch((error) => error)
  assert.ok(upload instanceof sdk.InvalidRequestError)
  assert.equal(upload.field, 'body')
  assert.equal((await client.plugins.list()).pagination.offset, 0)
  await assert.rejects(client.installations.get(unknown), sdk.NotFoundError)
})

test('keys: what each may do, and until when', { skip }, async () => {
  const { client, shop } = await start()
  const made = await client.keys.create({ name: 'Report', scope: 'read' })
  const reader = new sdk.RepairOpsClient({ apiKey: made.key })
  assert.ok((await reader.tickets.list({ shop_id: shop.id })).data)
  const refused = await reader.shops.create({ name: 'Another' }).catch((error) => error)
  assert.ok(refused instanceof sdk.ForbiddenError)
  const rotated = await client.keys.rotate(made.id, { overlap_hours: 0 })
  await assert.rejects(reader.tickets.list(), sdk.UnauthorizedError)
  const successor = new sdk.RepairOpsClient({ apiKey: rotated.key })
  assert.ok((await successor.shops.get(shop.id)).name)
  await client.keys.revoke(rotated.id)
  await assert.rejects(successor.tickets.list(), sdk.UnauthorizedError)
  const states = new Map()
  for await (const key of client.keys.list()) states.set(key.id, key.state)
  assert.deepEqual([states.get(made.id), states.get(rotated.id)], ['expired', 'revoked'])
  assert.equal((await client.keys.get(rotated.id)).name, 'Report')
})

test('payments, refunds and feedback', { skip }, async () => {
  const { client, ticket } = await start()
  const { id } = await client.tickets.create(ticket())
  await client.tickets.update(id, { labor_hours: 1, labor_rate: 65 })
  const paid = await client.tickets.payments.create(id, { amount: 50, method: 'card', reference: 'T-1' })
  assert.deepEqual([paid.kind, paid.amount, paid.balance_due], ['payment', 50, 15])
  await client.tickets.payments.create(id, { amount: 20, method: 'cash', kind: 'refund' })
  const tooMuch = await client.tickets.payments.create(id, { amount: 31, method: 'cash', kind: 'refund' }).catch((error) => error)
  assert.ok(tooMuch instanceof sdk.ConflictError)
  const kinds = []
  for await (const one of client.tickets.payments.list(id, { limit: 1 })) kinds.push(one.kind)
  assert.deepEqual(kinds.sort(), ['payment', 'refund'])
  assert.equal((await client.tickets.payments.get(id, paid.id)).reference, 'T-1')
  assert.equal((await client.tickets.get(id)).balance_due, 35)

  const early = await client.tickets.feedback.create(id, { score: 5 }).catch((error) => error)
  assert.ok(early instanceof sdk.ConflictError)
  for (const new_status of ['DIAGNOSTICS', 'IN_REPAIR', 'QC_REVIEW', 'READY_FOR_PICKUP', 'PICKED_UP']) {
    await client.tickets.transition(id, { new_status })
  }
  await client.tickets.feedback.create(id, { score: 5, comment: 'Like new' })
  assert.equal((await client.tickets.feedback.get(id)).score, 5)
})

test('customers are changed and merged', { skip }, async () => {
  const { client, shop, ticket } = await start()
  const customer = (name) => ({ name, email: `${name}.${shop.id}@example.com` })
  const made = []
  for (const name of ['jane', 'joan']) {
    const { id } = await client.tickets.create(ticket({ customer: customer(name) }))
    made.push((await client.tickets.get(id)).customer.id)
  }
  const [jane, joan] = made
  assert.equal((await client.customers.update(jane, { phone: '555-0123' })).phone, '555-0123')
  const one = await client.customers.merge(jane, { from: joan })
  assert.equal(one.total_tickets, 2)
  const gone = await client.customers.get(joan).catch((error) => error)
  assert.ok(gone instanceof sdk.NotFoundError)
  assert.equal(gone.mergedInto, jane)
})

test('the movements of an item', { skip }, async () => {
  const { client, shop } = await start()
  const item = await client.inventory.create({ shop_id: shop.id, sku: 'KB-1', name: 'Keyboard', category: 'keyboards', quantity: 5, cost: 40, selling_price: 80 })
  await client.inventory.update(item.id, { quantity: 12, reason: 'purchased' })
  const { data } = await client.inventory.movements(item.id)
  assert.deepEqual(data.map((movement) => [movement.delta, movement.reason])[0], [7, 'purchased'])
})

test('figures of a shop', { skip }, async () => {
  const { client, shop, ticket } = await start()
  const { id } = await client.tickets.create(ticket())
  await client.tickets.update(id, { labor_hours: 2, labor_rate: 65 })
  for (const new_status of ['DIAGNOSTICS', 'IN_REPAIR', 'QC_REVIEW', 'READY_FOR_PICKUP', 'PICKED_UP']) {
    await client.tickets.transition(id, { new_status })
  }
  const { data, summary } = await client.kpis.get({ shop_id: shop.id, metrics: ['revenue', 'throughput'] })
  const day = data.find((one) => one.throughput > 0)
  assert.deepEqual([day.revenue, day.throughput, 'qc_pass_rate' in day], [130, 1, false])
  assert.deepEqual([summary.total_revenue, summary.total_tickets], [130, 1])
})

test('a webhook: what is sent is verified, also while its secret is rotated', { skip }, async (t) => {
  const { client } = await start()
  const received = []
  const receiver = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    received.push([Buffer.concat(chunks), request.headers])
    response.writeHead(204).end()
  })
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  t.after(() => receiver.close())

  const webhook = await client.webhooks.create({ url: `http://127.0.0.1:${receiver.address().port}/hook`, events: ['ticket.created'] })
  const delivery = await client.webhooks.test(webhook.id)
  assert.equal(delivery.state, 'delivered')
  const event = await sdk.verifyWebhook(...received[0], webhook.secret)
  assert.equal(event.event, 'webhook.test')

  const { secret } = await client.webhooks.rotateSecret(webhook.id)
  assert.notEqual(secret, webhook.secret)
  assert.equal((await client.webhooks.secret(webhook.id)).secret, secret)
  await client.webhooks.test(webhook.id)
  for (const known of [secret, webhook.secret]) await sdk.verifyWebhook(...received[1], known)
  await assert.rejects(sdk.verifyWebhook(...received[0], secret), sdk.WebhookVerificationError)

  const listed = await client.webhooks.deliveries.list(webhook.id)
  assert.equal(listed.pagination.total, 2)
  assert.equal((await client.webhooks.deliveries.get(webhook.id, delivery.id)).attempts.length, 1)
  assert.deepEqual((await client.webhooks.replay(webhook.id, { since: new Date().toISOString() })).events, 0)
  assert.equal((await client.webhooks.update(webhook.id, { enabled: false })).enabled, false)
  await client.webhooks.delete(webhook.id)
  await assert.rejects(client.webhooks.get(webhook.id), sdk.NotFoundError)
})

/** Passes requests on, and hangs up instead of giving back the first `lost` answers. */
async function lossy(t, lost) {
  const target = new URL(process.env.REPAIROPS_BASE_URL)
  const asked = []
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const { host, connection, ...headers } = request.headers
    asked.push(headers['idempotency-key'])
    const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined
    const answer = await fetch(new URL(request.url, target), { method: request.method, headers, body })
    const content = await answer.text()
    if (lost-- > 0) return request.socket.destroy()
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(content)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { asked, baseUrl: `http://127.0.0.1:${server.address().port}/v1` }
}

test('a write whose answer is lost is done once', { skip }, async (t) => {
  const { client, shop, ticket } = await start()
  const { asked, baseUrl } = await lossy(t, 2)
  const unlucky = new sdk.RepairOpsClient({ baseUrl, retryDelayMs: 1 })
  const created = await unlucky.tickets.create(ticket())
  assert.equal(asked.length, 3)
  assert.equal(new Set(asked).size, 1)
  const listed = await client.tickets.list({ shop_id: shop.id })
  assert.deepEqual(listed.data.map((one) => one.id), [created.id])
})

test('an idempotency key of the caller: the same call once, another call refused', { skip }, async () => {
  const { client, shop, ticket } = await start()
  const idempotencyKey = `booking-${shop.id}`
  const calls = Array.from({ length: 5 }, () => client.tickets.create(ticket(), { idempotencyKey, maxRetries: 10 }))
  const ids = (await Promise.all(calls)).map((one) => one.id)
  assert.equal(new Set(ids).size, 1)
  assert.equal((await client.tickets.list({ shop_id: shop.id })).pagination.total, 1)
  const other = client.tickets.create(ticket({ issue_description: 'Another' }), { idempotencyKey })
  await assert.rejects(other, sdk.IdempotencyKeyReusedError)
})
