import { createServer } from 'node:http'
import { verifyWebhook, WebhookVerificationError } from '@repairops/sdk'

const handled = new Set() // a table, where it must outlive a restart

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  try {
    const event = await verifyWebhook(Buffer.concat(chunks), request.headers, process.env.REPAIROPS_WEBHOOK_SECRET)
    const id = request.headers['webhook-id']
    if (!handled.has(id)) handle(event)
    handled.add(id)
    response.writeHead(204).end()
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error
    response.writeHead(400).end(error.message)
  }
})

function handle(event) {
  if (event.event === 'ticket.transitioned') {
    console.log(`${event.data.ticket_number}: ${event.data.from_status} -> ${event.data.to_status}`)
  }
}

server.listen(process.env.PORT ?? 3000, () => console.log(`listening on ${server.address().port}`))
