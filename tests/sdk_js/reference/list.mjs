const response = await fetch(
  "https://api.repairops.io/v1/tickets?status=IN_REPAIR&limit=25",
  {
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
const data = await response.json();
console.log(data);
