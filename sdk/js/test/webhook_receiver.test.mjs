/** The README's receiver, as a process of its own. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { signWebhook } from '@repairops/sdk'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = JSON.stringify({
  event: 'ticket.transitioned',
  timestamp: '2026-02-21T15:30:00Z',
  data: { ticket_id: 'one', ticket_number: 'T001234', from_status: 'IN_REPAIR', to_status: 'QC_REVIEW', shop_id: 'two' },
})

test('it handles each event once, and none that is not signed', async (t) => {
  const example = new URL('../examples/webhook-receiver.mjs', import.meta.url).pathname
  const environment = { ...process.env, PORT: '0', REPAIROPS_WEBHOOK_SECRET: secret }
  const receiver = spawn(process.execPath, [example], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => receiver.kill())
  const lines = createInterface({ input: receiver.stdout })
  const [listening] = await once(lines, 'line')
  const said = []
  lines.on('line', (line) => said.push(line))
  const url = `http://127.0.0.1:${listening.match(/\d+$/)[0]}/`
  const deliver = async (id, content = body) => {
    const headers = await signWebhook(body, secret, { id })
    return (await fetch(url, { method: 'POST', headers, body: content })).status
  }
  assert.equal(await deliver('evt_1', body.replace('QC_REVIEW', 'CLOSED')), 400)
  assert.equal(await deliver('evt_1'), 204)
  assert.equal(await deliver('evt_1'), 204)
  assert.equal(await deliver('evt_2'), 204)
  receiver.kill()
  await once(lines, 'close')
  assert.deepEqual(said, Array(2).fill('T001234: IN_REPAIR -> QC_REVIEW'))
})
