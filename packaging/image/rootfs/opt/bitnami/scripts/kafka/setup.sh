#!/bin/bash
# Nothing to set up: run.sh does it.
