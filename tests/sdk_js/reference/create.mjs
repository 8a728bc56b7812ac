const response = await fetch("https://api.repairops.io/v1/tickets", {
  method: "POST",
  headers: {
    Authorization: "Bearer YOUR_API_KEY",
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    shop_id: "shop-uuid",
    customer: {
      name: "Jane Smith",
      email: "jane@example.com",
    },
    device_identifier: "MacBook Pro 16\"",
    issue_description: "Won't turn on",
    device_category: "laptop",
  }),
});
const created = await response.json();
console.log(created);
