"""API Gateway on this machine: what template.yaml says about its routes and its CORS, for gateway.mjs.

The emulator of AWS knows neither: SAM writes both into the API's body.
"""

import json

from samtranslator.yaml_helper import yaml_parse


def variables(template, parameters):
    """The environment of gateway.mjs for a stack with these parameters."""
    resources = yaml_parse(template.read_text())["Resources"]
    events = [event for item in resources.values() for event in item["Properties"].get("Events", {}).values()]
    routes = [f"{event['Properties']['Method']} {event['Properties']['Path']}" for event in events]
    _, cors, _ = resources["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    origins = parameters.get("AllowedOrigins")
    cors = cors | {"AllowOrigins": origins.split(",")} if origins else {}
    return {"ROUTES": json.dumps(routes), "CORS": json.dumps(cors)}
