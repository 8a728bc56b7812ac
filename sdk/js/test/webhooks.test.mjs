/** Signatures agree with those of the package `standardwebhooks`, in what is taken and in what is refused. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { signWebhook, verifyWebhook, WebhookVerificationError } from '@repairops/sdk'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const other = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
const event = {
  event: 'ticket.transitioned',
  timestamp: '2026-02-21T15:30:00Z',
  data: { ticket_id: 'one', ticket_number: 'T001234', from_status: 'IN_REPAIR', to_status: 'QC_REVIEW', note: 'größer als 3 €' },
}
const body = JSON.stringify(event)

/** A delivery that the other package signed. */
function delivery({ signedWith = secret, id = 'evt_1', at = new Date(), content = body } = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(signedWith).sign(id, at, content),
  }
}

async function refusal(...given) {
  const failed = await verifyWebhook(...given).then(() => assert.fail('it was taken'), (error) => error)
  assert.ok(failed instanceof WebhookVerificationError, String(failed))
  return failed.reason
}

test('what the other package signs is verified', async () => {
  assert.deepEqual(await verifyWebhook(body, delivery(), secret), event)
})

test('what is signed here is verified by the other package', async () => {
  const headers = await signWebhook(body, secret, { id: 'evt_7' })
  assert.deepEqual(new Webhook(secret).verify(body, headers), event)
  const at = new Date('2026-02-21T15:30:00.900Z')
  assert.deepEqual(await signWebhook(body, secret, { id: 'evt_7', timestamp: at }), delivery({ id: 'evt_7', at }))
})

test('a known vector', async () => {
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  }
  const now = new Date(1614265330_000)
  assert.deepEqual(await verifyWebhook('{"test": 2432232314}', headers, secret, { now }), { test: 2432232314 })
})

test('body and headers may come in any of their forms', async () => {
  const headers = delivery()
  const bytes = new TextEncoder().encode(body)
  assert.deepEqual(await verifyWebhook(bytes, headers, secret), event)
  assert.deepEqual(await verifyWebhook(bytes.buffer, headers, secret), event)
  assert.deepEqual(await verifyWebhook(Buffer.from(body), headers, secret), event)
  assert.deepEqual(await verifyWebhook(body, new Headers(headers), secret), event)
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
  assert.deepEqual(await verifyWebhook(body, upper, secret), event)
  assert.deepEqual(await verifyWebhook(body, headers, secret.slice('whsec_'.length)), event)
  await assert.rejects(verifyWebhook(event, headers, secret), TypeError)
})

test('one of several signatures is enough, whatever the others are', async () => {
  const [old, present] = [delivery({ signedWith: other }), delivery()]
  const both = `${old['webhook-signature']} ${present['webhook-signature']}`
  const headers = { ...present, 'webhook-signature': both }
  assert.deepEqual(await verifyWebhook(body, headers, secret), event)
  assert.deepEqual(await verifyWebhook(body, headers, other), event)
  assert.deepEqual(new Webhook(secret).verify(body, headers), event)
  const odd = { ...present, 'webhook-signature': `v1a,AAAA v1 v1,%% ${present['webhook-signature']}` }
  assert.deepEqual(await verifyWebhook(body, odd, secret), event)
})

test('one of several secrets is enough', async () => {
  assert.deepEqual(await verifyWebhook(body, delivery({ signedWith: other }), [secret, other]), event)
  assert.equal(await refusal(body, delivery(), []), 'no_matching_signature')
})

test('what is not as it was signed is refused by both', async () => {
  const headers = delivery()
  const changed = [
    [body.replace('QC_REVIEW', 'CLOSED'), headers, secret],
    [`${body} `, headers, secret],
    [body, { ...headers, 'webhook-id': 'evt_2' }, secret],
    [body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) }, secret],
    [body, headers, other],
    [body, { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v2,') }, secret],
    [body, { ...headers, 'webhook-signature': 'v1,' }, secret],
    [body, { ...headers, 'webhook-signature': headers['webhook-signature'].slice(0, -6) }, secret],
  ]
  for (const [content, given, key] of changed) {
    assert.equal(await refusal(content, given, key), 'no_matching_signature')
    assert.throws(() => new Webhook(key).verify(content, given))
  }
})

test('a delivery that is too old or too new is refused by both', async () => {
  const at = (seconds) => new Date(Date.now() + seconds * 1000)
  for (const [seconds, reason] of [[-400, 'too_old'], [400, 'too_new']]) {
    const headers = delivery({ at: at(seconds) })
    assert.equal(await refusal(body, headers, secret), reason)
    assert.throws(() => new Webhook(secret).verify(body, headers))
    assert.deepEqual(await verifyWebhook(body, headers, secret, { toleranceSeconds: 500 }), event)
    assert.deepEqual(await verifyWebhook(body, headers, secret, { now: at(seconds) }), event)
  }
  assert.equal(await refusal(body, delivery({ at: at(-20) }), secret, { toleranceSeconds: 10 }), 'too_old')
})

test('a header that is missing or makes no sense is refused by both', async () => {
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
    const headers = delivery()
    delete headers[name]
    assert.equal(await refusal(body, headers, secret), 'missing_header')
    assert.throws(() => new Webhook(secret).verify(body, headers))
  }
  assert.equal(await refusal(body, { ...delivery(), 'webhook-timestamp': 'soon' }, secret), 'bad_timestamp')
})

test('a body that is signed but no JSON', async () => {
  assert.equal(await refusal('hello', delivery({ content: 'hello' }), secret), 'bad_payload')
})

test('a secret that is none', async () => {
  for (const bad of ['whsec_', 'whsec_%%%']) await assert.rejects(verifyWebhook(body, delivery(), bad), TypeError)
})
