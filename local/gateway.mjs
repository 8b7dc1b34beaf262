// API Gateway on this machine: lets the routes of the deployed stack through to `cargo lambda watch`, and answers CORS as
// the stack's API is configured. service.py starts it.

import cors from "cors";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";

const { API_ADDRESS, API_PORT, FUNCTIONS_URL } = process.env;
const routes = JSON.parse(process.env.ROUTES);
const { AllowOrigins, AllowMethods, AllowHeaders, MaxAge } = JSON.parse(process.env.CORS);

const app = express();
app.disable("x-powered-by");
if (AllowOrigins) {
  app.use(cors({ origin: AllowOrigins, methods: AllowMethods, allowedHeaders: AllowHeaders, maxAge: MaxAge }));
}
const functions = createProxyMiddleware({ target: FUNCTIONS_URL });
app.use((request, response, next) => {
  if (routes.includes(`${request.method} ${request.path}`)) functions(request, response, next);
  else response.status(404).json({ message: "Not Found" });
});
app.listen(API_PORT, API_ADDRESS);
