// Calls every method of every resource on a server that answers anything, and prints which routes were asked for.
import { createServer } from 'node:http'
import { RepairOpsClient } from '@repairops/sdk'

const asked = new Set()
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://test')
  asked.add(`${request.method} ${pathname.replaceAll('/ID', '/{}')}`)
  response.end('{}')
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const client = new RepairOpsClient({ apiKey: 'any', baseUrl: `http://127.0.0.1:${server.address().port}/v1`, maxRetries: 0 })

async function callAll(resource) {
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(resource))) {
    // Whatever a method takes, ids come first.
    if (name !== 'constructor') await resource[name]('ID', 'ID', {})
  }
  for (const nested of Object.values(resource)) if (isResource(nested)) await callAll(nested)
}

function isResource(value) {
  return typeof value === 'object' && typeof value?.get === 'function'
}

for (const resource of Object.values(client)) await callAll(resource)
server.close()
console.log(JSON.stringify([...asked].sort()))
